#[allow(clippy::unused_async, clippy::needless_pass_by_value)]
async fn wake(tx: &mut Tx<BankB>) -> Result<(), Retry> {
    look_around(tx).await
}
/// A message's branch: `GET /wake`. The function: [`wake()`](fn@wake).
#[allow(non_camel_case_types, dead_code, unreachable_pub)]
struct wake {}
#[allow(deprecated)]
const _: () = {
    impl ::branchwire::Branch for wake {
        const ROUTE: ::branchwire::Route = ::branchwire::Route {
            name: "wake",
            path: "/wake",
            role: ::branchwire::Role::MsgBranch,
            payload: "",
            database: "BankB",
            doc: "",
        };
        type Address = ::branchwire::MsgBranch;
        fn address(service: &::branchwire::ServiceUrl) -> Self::Address {
            ::branchwire::MsgBranch::without_payload(service, Self::ROUTE.path)
        }
    }
    impl ::branchwire::Hosted for wake
    where
        BankB: ::branchwire::Database,
    {
        type Database = BankB;
        type Extractors = ();
        fn register<AnyState>(
            router: ::branchwire::__private::Router<AnyState>,
        ) -> ::branchwire::__private::Router<AnyState>
        where
            AnyState: ::branchwire::Holds<Self::Database>
                + ::branchwire::ExtractsAll<Self::Extractors>,
        {
            let branch = ::branchwire::__private::BranchFn {
                run: |tx, (), ()| ::std::boxed::Box::pin(wake(tx)),
                payload: ::branchwire::__private::no_payload,
                outcome: <Result<(), Retry> as ::branchwire::MustSucceed>::into_outcome,
            };
            ::branchwire::__private::serve_branch(
                router,
                &<Self as ::branchwire::Branch>::ROUTE,
                branch,
            )
        }
    }
};
