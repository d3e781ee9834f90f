#[allow(clippy::unused_async, clippy::needless_pass_by_value)]
pub async fn order_paid(db: &Orders, gid: Gid) -> Result<Prepared, Retry> {
    look_up(db, &gid).await
}
/// A query-prepared: `GET /paid`. The function: [`order_paid()`](fn@order_paid).
#[allow(non_camel_case_types, dead_code, unreachable_pub)]
pub struct order_paid {}
#[allow(deprecated)]
const _: () = {
    impl ::branchwire::Branch for order_paid {
        const ROUTE: ::branchwire::Route = ::branchwire::Route {
            name: "order_paid",
            path: "/paid",
            role: ::branchwire::Role::QueryPrepared,
            payload: "",
            database: "Orders",
            doc: "",
        };
        type Address = ::branchwire::QueryPrepared<Orders>;
        fn address(service: &::branchwire::ServiceUrl) -> Self::Address {
            ::branchwire::QueryPrepared::new(service, Self::ROUTE.path)
        }
    }
    impl ::branchwire::Hosted for order_paid {
        type Database = Orders;
        type Extractors = ();
        fn register<AnyState>(
            router: ::branchwire::__private::Router<AnyState>,
        ) -> ::branchwire::__private::Router<AnyState>
        where
            AnyState: ::branchwire::Holds<Self::Database>
                + ::branchwire::ExtractsAll<Self::Extractors>,
        {
            let _ = <Orders as ::branchwire::Database>::pool;
            let query_prepared = ::branchwire::__private::QueryPreparedFn {
                ask: |db: &Orders, gid: ::branchwire::Gid| ::std::boxed::Box::pin(
                    order_paid(db, gid),
                ),
                decision: <Result<
                    Prepared,
                    Retry,
                > as ::branchwire::Decides>::into_decision,
            };
            ::branchwire::__private::serve_query_prepared(
                router,
                &<Self as ::branchwire::Branch>::ROUTE,
                query_prepared,
            )
        }
    }
};
