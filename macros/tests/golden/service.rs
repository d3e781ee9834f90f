/// The bank of the receiver.
pub mod bank_b {
    use super::*;
    /// Credits an account.
    pub async fn trans_in(tx: &mut Tx<BankB>, req: TransferIn) -> Result<(), Retry> {
        credit(tx, req.user_id, req.amount).await
    }
    /// Credits an account.
    ///
    /// A message's branch: `POST /api/bank-b/trans-in`. The function: [`trans_in()`](fn@trans_in).
    pub struct trans_in {}
    const _: () = {
        impl ::branchwire::Branch for trans_in {
            const ROUTE: ::branchwire::Route = ::branchwire::Route {
                name: "trans_in",
                path: "/api/bank-b/trans-in",
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
                    outcome: <Result<
                        (),
                        Retry,
                    > as ::branchwire::MustSucceed>::into_outcome,
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
    /// Has the local transaction of a transfer committed?
    pub async fn transfer_prepared(
        __db: &BankB,
        __gid: ::branchwire::Gid,
    ) -> ::core::result::Result<::branchwire::Prepared, ::branchwire::Retry> {
        <BankB as ::branchwire::__private::AskBarrier>::ask_barrier(__db, __gid).await
    }
    /// Has the local transaction of a transfer committed?
    ///
    /// A query-prepared: `GET /api/bank-b/transfer-prepared`. The function: [`transfer_prepared()`](fn@transfer_prepared).
    pub struct transfer_prepared {}
    const _: () = {
        impl ::branchwire::Branch for transfer_prepared {
            const ROUTE: ::branchwire::Route = ::branchwire::Route {
                name: "transfer_prepared",
                path: "/api/bank-b/transfer-prepared",
                role: ::branchwire::Role::QueryPrepared,
                payload: "",
                database: "BankB",
                of: "",
                doc: "Has the local transaction of a transfer committed?",
            };
            type Address = ::branchwire::QueryPrepared<BankB>;
            fn address(__service: &::branchwire::ServiceUrl) -> Self::Address {
                ::branchwire::QueryPrepared::new(
                    __service,
                    <Self as ::branchwire::Branch>::ROUTE.path,
                )
            }
        }
        impl ::branchwire::Hosted for transfer_prepared {
            type Database = BankB;
            type Extractors = ();
            fn register<__BranchwireState>(
                __router: ::branchwire::__private::Router<__BranchwireState>,
            ) -> ::branchwire::__private::Router<__BranchwireState>
            where
                __BranchwireState: ::branchwire::Holds<Self::Database>
                    + ::branchwire::ExtractsAll<Self::Extractors>,
            {
                let __query_prepared = ::branchwire::__private::QueryPreparedFn {
                    ask: <BankB as ::branchwire::__private::AskBarrier>::ask_barrier,
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
    #[msg_branch(__branchwire_collected)]
    const _: () = ();
    #[query_prepared(__branchwire_collected)]
    const _: () = ();
    /// The routes of this service. A path is a promise: stored transactions hold it.
    pub const ROUTES: &[::branchwire::Route] = &[
        <trans_in as ::branchwire::Branch>::ROUTE,
        <transfer_prepared as ::branchwire::Branch>::ROUTE,
    ];
    /// This service at an address: a method for each of its branches.
    #[derive(::core::clone::Clone, ::core::fmt::Debug)]
    pub struct Remote {
        service: ::branchwire::ServiceUrl,
    }
    /// This service at an address: its URL without the branches' paths.
    ///
    /// # Errors
    /// `InvalidUrl` if it is not an http or https address.
    pub fn at(
        __url: impl ::core::convert::AsRef<::core::primitive::str>,
    ) -> ::core::result::Result<Remote, ::branchwire::InvalidUrl> {
        let __url = ::core::convert::AsRef::as_ref(&__url);
        ::core::result::Result::Ok(Remote {
            service: ::branchwire::ServiceUrl::new(__url)?,
        })
    }
    impl Remote {
        /// Credits an account.
        ///
        /// A message's branch: `POST /api/bank-b/trans-in`.
        pub fn trans_in(&self, __payload: &TransferIn) -> ::branchwire::MsgBranch
        where
            for<'sent_payload> &'sent_payload TransferIn: ::branchwire::SendPayload,
        {
            ::branchwire::MsgBranch::with_payload(
                    &self.service,
                    <trans_in as ::branchwire::Branch>::ROUTE.path,
                    &__payload,
                )
                .read_back(<trans_in as ::branchwire::Branch>::READ_BACK)
        }
        /// Has the local transaction of a transfer committed?
        ///
        /// A query-prepared: `GET /api/bank-b/transfer-prepared`.
        pub fn transfer_prepared(&self) -> ::branchwire::QueryPrepared<BankB> {
            <transfer_prepared as ::branchwire::Branch>::address(&self.service)
        }
        fn branchwire__never_called() {}
    }
    /// The routes of this service, for any state that has what its branches need.
    ///
    /// To be merged, not nested: the paths are absolute.
    pub fn router<__BranchwireState>() -> ::branchwire::__private::Router<
        __BranchwireState,
    >
    where
        __BranchwireState: ::core::clone::Clone + ::core::marker::Send
            + ::core::marker::Sync + 'static,
        __BranchwireState: ::branchwire::Holds<BankB>,
        BankB: ::branchwire::Database,
    {
        let __router = ::branchwire::__private::Router::new();
        let __router = <trans_in as ::branchwire::Hosted>::register(__router);
        let __router = <transfer_prepared as ::branchwire::Hosted>::register(__router);
        __router
    }
}
