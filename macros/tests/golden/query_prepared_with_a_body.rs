pub async fn order_paid(db: &Orders, gid: Gid) -> Result<Prepared, Retry> {
    look_up(db, &gid).await
}
/// A query-prepared: `GET /paid`. The function: [`order_paid()`](fn@order_paid).
pub struct order_paid {}
const _: () = {
    impl ::branchwire::Branch for order_paid {
        const ROUTE: ::branchwire::Route = ::branchwire::Route {
            name: "order_paid",
            path: "/paid",
            role: ::branchwire::Role::QueryPrepared,
            payload: "",
            database: "Orders",
            of: "",
            doc: "",
        };
        type Address = ::branchwire::QueryPrepared<Orders>;
        fn address(__service: &::branchwire::ServiceUrl) -> Self::Address {
            ::branchwire::QueryPrepared::new(
                __service,
                <Self as ::branchwire::Branch>::ROUTE.path,
            )
        }
    }
    impl ::branchwire::Hosted for order_paid {
        type Database = Orders;
        type Extractors = ();
        fn register<__BranchwireState>(
            __router: ::branchwire::__private::Router<__BranchwireState>,
        ) -> ::branchwire::__private::Router<__BranchwireState>
        where
            __BranchwireState: ::branchwire::Holds<Self::Database>
                + ::branchwire::ExtractsAll<Self::Extractors>,
        {
            let _ = <Orders as ::branchwire::Database>::pool;
            let __query_prepared = ::branchwire::__private::QueryPreparedFn {
                ask: |__db: &Orders, __gid: ::branchwire::Gid| ::std::boxed::Box::pin(
                    order_paid(__db, __gid),
                ),
                decision: <Result<
                    Prepared,
                    Retry,
                > as ::branchwire::Decides>::into_decision,
            };
            ::branchwire::__private::serve_query_prepared(
                __router,
                &<Self as ::branchwire::Branch>::ROUTE,
                __query_prepared,
            )
        }
    }
};
