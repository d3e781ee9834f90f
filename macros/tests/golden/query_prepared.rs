/// Has the local transaction of a transfer committed?
pub async fn transfer_prepared(
    __db: &BankA,
    __gid: ::branchwire::Gid,
) -> ::core::result::Result<::branchwire::Prepared, ::branchwire::Retry> {
    <BankA as ::branchwire::__private::AskBarrier>::ask_barrier(__db, __gid).await
}
/// Has the local transaction of a transfer committed?
///
/// A query-prepared: `GET /transfer-prepared`. The function: [`transfer_prepared()`](fn@transfer_prepared).
pub struct transfer_prepared {}
const _: () = {
    impl ::branchwire::Branch for transfer_prepared {
        const ROUTE: ::branchwire::Route = ::branchwire::Route {
            name: "transfer_prepared",
            path: "/transfer-prepared",
            role: ::branchwire::Role::QueryPrepared,
            payload: "",
            database: "BankA",
            of: "",
            doc: "Has the local transaction of a transfer committed?",
        };
        type Address = ::branchwire::QueryPrepared<BankA>;
        fn address(__service: &::branchwire::ServiceUrl) -> Self::Address {
            ::branchwire::QueryPrepared::new(
                __service,
                <Self as ::branchwire::Branch>::ROUTE.path,
            )
        }
    }
    impl ::branchwire::Hosted for transfer_prepared {
        type Database = BankA;
        type Extractors = ();
        fn register<__BranchwireState>(
            __router: ::branchwire::__private::Router<__BranchwireState>,
        ) -> ::branchwire::__private::Router<__BranchwireState>
        where
            __BranchwireState: ::branchwire::Holds<Self::Database>
                + ::branchwire::ExtractsAll<Self::Extractors>,
        {
            let __query_prepared = ::branchwire::__private::QueryPreparedFn {
                ask: <BankA as ::branchwire::__private::AskBarrier>::ask_barrier,
                decision: ::core::convert::identity,
            };
            ::branchwire::__private::serve_query_prepared(
                __router,
                &<Self as ::branchwire::Branch>::ROUTE,
                __query_prepared,
            )
        }
    }
};
