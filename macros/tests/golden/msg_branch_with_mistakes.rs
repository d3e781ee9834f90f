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
pub async fn trans_in(tx: &mut Tx<BankB>, req: &TransferIn) -> Result<(), BranchError> {
    credit(tx, req.user_id, req.amount).await
}
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
            doc: "",
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
    impl ::branchwire::Hosted for trans_in {
        type Database = ::branchwire::__private::NoDatabase;
        type Extractors = ();
        fn register<__BranchwireState>(
            __router: ::branchwire::__private::Router<__BranchwireState>,
        ) -> ::branchwire::__private::Router<__BranchwireState>
        where
            __BranchwireState: ::branchwire::Holds<Self::Database>
                + ::branchwire::ExtractsAll<Self::Extractors>,
        {
            __router
        }
    }
};
