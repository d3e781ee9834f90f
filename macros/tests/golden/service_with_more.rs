pub mod bank_b {
    use super::*;
    pub const LIMIT: i64 = 100;
    #[cfg(feature = "bonus")]
    pub async fn bonus(tx: &mut Tx<BankB>) -> Result<(), Retry> {
        credit(tx, 1, LIMIT).await
    }
    #[cfg(feature = "bonus")]
    /// A message's branch: `GET /api/bank-b/bonus`. The function: [`bonus()`](fn@bonus).
    pub struct bonus {}
    #[cfg(feature = "bonus")]
    const _: () = {
        impl ::kit::transactions::Branch for bonus {
            const ROUTE: ::kit::transactions::Route = ::kit::transactions::Route {
                name: "bonus",
                path: "/api/bank-b/bonus",
                role: ::kit::transactions::Role::MsgBranch,
                payload: "",
                database: "BankB",
                of: "",
                doc: "",
            };
            type Address = ::kit::transactions::MsgBranch;
            fn address(__service: &::kit::transactions::ServiceUrl) -> Self::Address {
                ::kit::transactions::MsgBranch::without_payload(
                    __service,
                    <Self as ::kit::transactions::Branch>::ROUTE.path,
                )
            }
        }
        impl ::kit::transactions::Hosted for bonus
        where
            BankB: ::kit::transactions::Database,
        {
            type Database = BankB;
            type Extractors = ();
            fn register<__BranchwireState>(
                __router: ::kit::transactions::__private::Router<__BranchwireState>,
            ) -> ::kit::transactions::__private::Router<__BranchwireState>
            where
                __BranchwireState: ::kit::transactions::Holds<Self::Database>
                    + ::kit::transactions::ExtractsAll<Self::Extractors>,
            {
                let __branch = ::kit::transactions::__private::BranchFn {
                    run: |__tx, (), (), ()| ::std::boxed::Box::pin(bonus(__tx)),
                    payload: ::kit::transactions::__private::no_payload,
                    kept: ::kit::transactions::__private::no_payload,
                    takes_kept: false,
                    outcome: <Result<
                        (),
                        Retry,
                    > as ::kit::transactions::MustSucceed>::into_outcome,
                    value: ::core::option::Option::None,
                };
                ::kit::transactions::__private::serve_branch(
                    __router,
                    &<Self as ::kit::transactions::Branch>::ROUTE,
                    __branch,
                )
            }
        }
    };
    pub use super::refunds::refund;
    #[instrument]
    #[::kit::transactions::__private::in_service]
    fn look_around() {}
    #[msg_branch(__branchwire_collected)]
    const _: () = ();
    /// The routes of this service. A path is a promise: stored transactions hold it.
    pub const ROUTES: &[::kit::transactions::Route] = &[
        #[cfg(feature = "bonus")]
        <bonus as ::kit::transactions::Branch>::ROUTE,
        <refund as ::kit::transactions::Branch>::ROUTE,
    ];
    ::kit::transactions::__private::check_paths!(ROUTES);
    /// This service at an address: a method for each of its branches.
    #[derive(::core::clone::Clone, ::core::fmt::Debug)]
    pub struct Remote {
        service: ::kit::transactions::ServiceUrl,
    }
    /// This service at an address: its URL without the branches' paths.
    ///
    /// # Errors
    /// `InvalidUrl` if it is not an http or https address.
    pub fn at(
        __url: impl ::core::convert::AsRef<::core::primitive::str>,
    ) -> ::core::result::Result<Remote, ::kit::transactions::InvalidUrl> {
        let __url = ::core::convert::AsRef::as_ref(&__url);
        ::core::result::Result::Ok(Remote {
            service: ::kit::transactions::ServiceUrl::new(__url)?,
        })
    }
    impl Remote {
        #[cfg(feature = "bonus")]
        /// A message's branch: `GET /api/bank-b/bonus`.
        pub fn bonus(&self) -> ::kit::transactions::MsgBranch {
            ::kit::transactions::MsgBranch::without_payload(
                &self.service,
                <bonus as ::kit::transactions::Branch>::ROUTE.path,
            )
        }
        ///The branch [`refund`](struct@refund), with its payload (`&()` if it takes none).
        pub fn refund(
            &self,
            __payload: &<<refund as ::kit::transactions::Branch>::Address as ::kit::transactions::Address>::Payload,
        ) -> <<refund as ::kit::transactions::Branch>::Address as ::kit::transactions::Address>::Addressed
        where
            for<'sent_payload> &'sent_payload <<refund as ::kit::transactions::Branch>::Address as ::kit::transactions::Address>::Payload: ::kit::transactions::SendPayload,
        {
            ::kit::transactions::Address::carrying(
                <refund as ::kit::transactions::Branch>::address(&self.service),
                &__payload,
            )
        }
        fn branchwire__never_called() {}
    }
    #[cfg(all(feature = "bonus"))]
    type __branchwire_bonus = bonus;
    #[cfg(not(all(feature = "bonus")))]
    type __branchwire_bonus = ::kit::transactions::__private::Absent;
    /// The routes of this service, for any state that has what its branches need.
    ///
    /// To be merged, not nested: the paths are absolute.
    pub fn router<__BranchwireState>() -> ::kit::transactions::__private::Router<
        __BranchwireState,
    >
    where
        __BranchwireState: ::core::clone::Clone + ::core::marker::Send
            + ::core::marker::Sync + 'static,
        __BranchwireState: ::kit::transactions::Holds<
                <__branchwire_bonus as ::kit::transactions::Hosted>::Database,
            >
            + ::kit::transactions::ExtractsAll<
                <__branchwire_bonus as ::kit::transactions::Hosted>::Extractors,
            >,
        __BranchwireState: ::kit::transactions::Holds<
                <refund as ::kit::transactions::Hosted>::Database,
            >
            + ::kit::transactions::ExtractsAll<
                <refund as ::kit::transactions::Hosted>::Extractors,
            >,
    {
        let __router = ::kit::transactions::__private::Router::new();
        let __router = <__branchwire_bonus as ::kit::transactions::Hosted>::register(
            __router,
        );
        let __router = <refund as ::kit::transactions::Hosted>::register(__router);
        __router
    }
}
