#[allow(clippy::unused_async, clippy::needless_pass_by_value)]
/// Credits an account.
pub async fn trans_in(tx: &mut Tx<BankB>, req: TransferIn) -> Result<(), Retry> {
    credit(tx, req.user_id, req.amount).await
}
/// Credits an account.
///
/// A message's branch: `POST /trans-in`. The function: [`trans_in()`](fn@trans_in).
#[allow(non_camel_case_types, dead_code, unreachable_pub)]
pub struct trans_in {}
#[allow(deprecated)]
const _: () = {
    impl ::branchwire::Branch for trans_in {
        const ROUTE: ::branchwire::Route = ::branchwire::Route {
            name: "trans_in",
            path: "/trans-in",
            role: ::branchwire::Role::MsgBranch,
            payload: "TransferIn",
            database: "BankB",
            doc: "Credits an account.",
        };
        const READ_BACK: ::branchwire::__private::ReadBack = {
            use ::branchwire::__private::NotSo as _;
            ::branchwire::__private::Probe::<TransferIn>::READ_BACK
        };
        type Address = ::branchwire::MsgAddress<TransferIn>;
        fn address(service: &::branchwire::ServiceUrl) -> Self::Address {
            ::branchwire::MsgAddress::new(service, Self::ROUTE.path, Self::READ_BACK)
        }
    }
    impl ::branchwire::Hosted for trans_in
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
                run: |tx, (), payload| ::std::boxed::Box::pin(trans_in(tx, payload)),
                payload: <TransferIn as ::branchwire::Payload>::from_json,
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
