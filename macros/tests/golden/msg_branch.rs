/// Credits an account.
pub async fn trans_in(tx: &mut Tx<BankB>, req: TransferIn) -> Result<(), Retry> {
    credit(tx, req.user_id, req.amount).await
}
/// Credits an account.
///
/// A message's branch: `POST /trans-in`. The function: [`trans_in()`](fn@trans_in).
pub struct trans_in {}
const _: () = {
    impl ::branchwire::Branch for trans_in {
        const ROUTE: ::branchwire::Route = ::branchwire::Route {
            name: "trans_in",
            path: "/trans-in",
            role: ::branchwire::Role::MsgBranch,
            payload: "TransferIn",
            database: "BankB",
            of: "",
            doc: "Credits an account.",
        };
        const READ_BACK: ::branchwire::__private::ReadBack = {
            use ::branchwire::__private::NotSo as _;
            ::branchwire::__private::Probe::<TransferIn>::READ_BACK
        };
        type Address = ::branchwire::MsgAddress<TransferIn>;
        fn address(__service: &::branchwire::ServiceUrl) -> Self::Address {
            ::branchwire::MsgAddress::new(
                __service,
                <Self as ::branchwire::Branch>::ROUTE.path,
                <Self as ::branchwire::Branch>::READ_BACK,
            )
        }
    }
    impl ::branchwire::Hosted for trans_in
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
                run: |__tx, (), __payload, ()| ::std::boxed::Box::pin(
                    trans_in(__tx, __payload),
                ),
                payload: <TransferIn as ::branchwire::Payload>::from_json,
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
