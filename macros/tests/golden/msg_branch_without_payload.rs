async fn wake(tx: &mut Tx<BankB>) -> Result<(), Retry> {
    look_around(tx).await
}
/// A message's branch: `GET /wake`. The function: [`wake()`](fn@wake).
struct wake {}
const _: () = {
    impl ::branchwire::Branch for wake {
        const ROUTE: ::branchwire::Route = ::branchwire::Route {
            name: "wake",
            path: "/wake",
            role: ::branchwire::Role::MsgBranch,
            payload: "",
            database: "BankB",
            of: "",
            doc: "",
        };
        type Address = ::branchwire::MsgBranch;
        fn address(__service: &::branchwire::ServiceUrl) -> Self::Address {
            ::branchwire::MsgBranch::without_payload(
                __service,
                <Self as ::branchwire::Branch>::ROUTE.path,
            )
        }
    }
    impl ::branchwire::Hosted for wake
    where
        BankB: ::branchwire::Database,
    {
        type Database = BankB;
        type Extractors = ();
        fn register<__BranchwireState>(
            __router: ::branchwire::__private::Router<__BranchwireState>,
        ) -> ::branchwire::__private::Router<__BranchwireState>
        where
            __BranchwireState: ::branchwire::Holds<Self::Database>
                + ::branchwire::ExtractsAll<Self::Extractors>,
        {
            let __branch = ::branchwire::__private::BranchFn {
                run: |__tx, (), (), ()| ::std::boxed::Box::pin(wake(__tx)),
                payload: ::branchwire::__private::no_payload,
                kept: ::branchwire::__private::no_payload,
                takes_kept: false,
                outcome: <Result<(), Retry> as ::branchwire::MustSucceed>::into_outcome,
                value: ::core::option::Option::None,
            };
            ::branchwire::__private::serve_branch(
                __router,
                &<Self as ::branchwire::Branch>::ROUTE,
                __branch,
            )
        }
    }
};
