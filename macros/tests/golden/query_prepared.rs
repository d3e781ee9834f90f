/// Has the local transaction of a transfer committed?
#[allow(dead_code, unreachable_pub, clippy::missing_errors_doc)]
pub async fn transfer_prepared(
    db: &BankA,
    gid: ::branchwire::Gid,
) -> ::core::result::Result<::branchwire::Prepared, ::branchwire::Retry> {
    <BankA as ::branchwire::__private::AskBarrier>::ask_barrier(db, gid).await
}
/// Has the local transaction of a transfer committed?
///
/// A query-prepared: `GET /transfer-prepared`. The function: [`transfer_prepared()`](fn@transfer_prepared).
#[allow(non_camel_case_types, dead_code, unreachable_pub)]
pub struct transfer_prepared {}
#[allow(deprecated)]
const _: () = {
    impl ::branchwire::Branch for transfer_prepared {
        const ROUTE: ::branchwire::Route = ::branchwire::Route {
            name: "transfer_prepared",
            path: "/transfer-prepared",
            role: ::branchwire::Role::QueryPrepared,
            payload: "",
            database: "BankA",
            doc: "Has the local transaction of a transfer committed?",
        };
        type Address = ::branchwire::QueryPrepared<BankA>;
        fn address(service: &::branchwire::ServiceUrl) -> Self::Address {
            ::branchwire::QueryPrepared::new(service, Self::ROUTE.path)
        }
    }
    impl ::branchwire::Hosted for transfer_prepared {
        type Database = BankA;
        type Extractors = ();
        fn register<AnyState>(
            router: ::branchwire::__private::Router<AnyState>,
        ) -> ::branchwire::__private::Router<AnyState>
        where
            AnyState: ::branchwire::Holds<Self::Database>
                + ::branchwire::ExtractsAll<Self::Extractors>,
        {
            let query_prepared = ::branchwire::__private::QueryPreparedFn {
                ask: <BankA as ::branchwire::__private::AskBarrier>::ask_barrier,
                decision: ::core::convert::identity,
            };
            ::branchwire::__private::serve_query_prepared(
                router,
                &<Self as ::branchwire::Branch>::ROUTE,
                query_prepared,
            )
        }
    }
};
