::core::compile_error! {
    "a message's branch cannot be `unsafe`: a route calls it"
}
::core::compile_error! {
    "`trans_in` is not async: write `async fn trans_in`"
}
::core::compile_error! {
    "`trans_in` gets its transaction by mutable reference: `&mut Tx<BankB>`"
}
::core::compile_error! {
    "`&TransferIn` borrows, but an argument of a branch owns its data"
}
::core::compile_error! {
    "`trans_in` is a message's branch, and that cannot refuse: return `Result<(), Retry>`\n\na message's branch is written\n    async fn name(tx: &mut Tx<Database>, payload: Payload) -> Result<(), Retry>\nwith extractors of axum, if any, between the two; the payload may be left out"
}
#[allow(unused)]
pub async fn trans_in(tx: &mut Tx<BankB>, req: &TransferIn) -> Result<(), BranchError> {
    credit(tx, req.user_id, req.amount).await
}
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
            doc: "",
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
    impl ::branchwire::Hosted for trans_in {
        type Database = ::branchwire::__private::NoDatabase;
        type Extractors = ();
        fn register<AnyState>(
            router: ::branchwire::__private::Router<AnyState>,
        ) -> ::branchwire::__private::Router<AnyState>
        where
            AnyState: ::branchwire::Holds<Self::Database>
                + ::branchwire::ExtractsAll<Self::Extractors>,
        {
            router
        }
    }
};
