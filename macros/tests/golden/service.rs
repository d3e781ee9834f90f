/// The bank of the receiver.
pub mod bank_b {
    use super::*;
    #[allow(clippy::unused_async, clippy::needless_pass_by_value)]
    /// Credits an account.
    pub async fn trans_in(tx: &mut Tx<BankB>, req: TransferIn) -> Result<(), Retry> {
        credit(tx, req.user_id, req.amount).await
    }
    /// Credits an account.
    ///
    /// A message's branch: `POST /api/bank-b/trans-in`. The function: [`trans_in()`](fn@trans_in).
    #[allow(non_camel_case_types, dead_code, unreachable_pub)]
    pub struct trans_in {}
    #[allow(deprecated)]
    const _: () = {
        impl ::branchwire::Branch for trans_in {
            const ROUTE: ::branchwire::Route = ::branchwire::Route {
                name: "trans_in",
                path: "/api/bank-b/trans-in",
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
                    outcome: <Result<
                        (),
                        Retry,
                    > as ::branchwire::MustSucceed>::into_outcome,
                };
                ::branchwire::__private::serve_branch(
                    router,
                    &<Self as ::branchwire::Branch>::ROUTE,
                    branch,
                )
            }
        }
    };
    /// Has the local transaction of a transfer committed?
    #[allow(dead_code, unreachable_pub, clippy::missing_errors_doc)]
    pub async fn transfer_prepared(
        db: &BankB,
        gid: ::branchwire::Gid,
    ) -> ::core::result::Result<::branchwire::Prepared, ::branchwire::Retry> {
        <BankB as ::branchwire::__private::AskBarrier>::ask_barrier(db, gid).await
    }
    /// Has the local transaction of a transfer committed?
    ///
    /// A query-prepared: `GET /api/bank-b/transfer-prepared`. The function: [`transfer_prepared()`](fn@transfer_prepared).
    #[allow(non_camel_case_types, dead_code, unreachable_pub)]
    pub struct transfer_prepared {}
    #[allow(deprecated)]
    const _: () = {
        impl ::branchwire::Branch for transfer_prepared {
            const ROUTE: ::branchwire::Route = ::branchwire::Route {
                name: "transfer_prepared",
                path: "/api/bank-b/transfer-prepared",
                role: ::branchwire::Role::QueryPrepared,
                payload: "",
                database: "BankB",
                doc: "Has the local transaction of a transfer committed?",
            };
            type Address = ::branchwire::QueryPrepared<BankB>;
            fn address(service: &::branchwire::ServiceUrl) -> Self::Address {
                ::branchwire::QueryPrepared::new(service, Self::ROUTE.path)
            }
        }
        impl ::branchwire::Hosted for transfer_prepared {
            type Database = BankB;
            type Extractors = ();
            fn register<AnyState>(
                router: ::branchwire::__private::Router<AnyState>,
            ) -> ::branchwire::__private::Router<AnyState>
            where
                AnyState: ::branchwire::Holds<Self::Database>
                    + ::branchwire::ExtractsAll<Self::Extractors>,
            {
                let query_prepared = ::branchwire::__private::QueryPreparedFn {
                    ask: <BankB as ::branchwire::__private::AskBarrier>::ask_barrier,
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
    #[msg_branch(__branchwire_collected)]
    const _: () = ();
    #[query_prepared(__branchwire_collected)]
    const _: () = ();
    /// The routes of this service. A path is a promise: stored transactions hold it.
    #[allow(deprecated, dead_code, unreachable_pub)]
    pub const ROUTES: &[::branchwire::Route] = &[
        <trans_in as ::branchwire::Branch>::ROUTE,
        <transfer_prepared as ::branchwire::Branch>::ROUTE,
    ];
    /// This service at an address: a method for each of its branches.
    #[derive(::core::clone::Clone, ::core::fmt::Debug)]
    #[allow(dead_code, unreachable_pub)]
    pub struct Remote {
        service: ::branchwire::ServiceUrl,
    }
    /// This service at an address: its URL without the branches' paths.
    ///
    /// # Errors
    /// `InvalidUrl` if it is not an http or https address.
    #[allow(dead_code, unreachable_pub)]
    pub fn at(
        url: impl ::core::convert::AsRef<::core::primitive::str>,
    ) -> ::core::result::Result<Remote, ::branchwire::InvalidUrl> {
        ::core::result::Result::Ok(Remote {
            service: ::branchwire::ServiceUrl::new(url.as_ref())?,
        })
    }
    #[allow(
        deprecated,
        dead_code,
        unreachable_pub,
        private_interfaces,
        clippy::pedantic
    )]
    impl Remote {
        /// Credits an account.
        ///
        /// A message's branch: `POST /api/bank-b/trans-in`.
        pub fn trans_in(&self, payload: &TransferIn) -> ::branchwire::MsgBranch
        where
            for<'payload> &'payload TransferIn: ::branchwire::SendPayload,
        {
            ::branchwire::MsgBranch::with_payload(
                    &self.service,
                    <trans_in as ::branchwire::Branch>::ROUTE.path,
                    &payload,
                )
                .read_back(<trans_in as ::branchwire::Branch>::READ_BACK)
        }
        /// Has the local transaction of a transfer committed?
        ///
        /// A query-prepared: `GET /api/bank-b/transfer-prepared`.
        pub fn transfer_prepared(&self) -> ::branchwire::QueryPrepared<BankB> {
            <transfer_prepared as ::branchwire::Branch>::address(&self.service)
        }
    }
    /// The routes of this service, for any state that holds what its branches need.
    ///
    /// To be merged, not nested: the paths are absolute.
    #[allow(deprecated, dead_code, unreachable_pub, private_bounds)]
    pub fn router<S>() -> ::branchwire::__private::Router<S>
    where
        S: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static,
        S: ::branchwire::Holds<BankB>,
        BankB: ::branchwire::Database,
    {
        let router = ::branchwire::__private::Router::new();
        let router = <trans_in as ::branchwire::Hosted>::register(router);
        let router = <transfer_prepared as ::branchwire::Hosted>::register(router);
        router
    }
}
