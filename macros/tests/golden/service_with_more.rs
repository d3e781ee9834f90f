pub mod bank_b {
    use super::*;
    pub const LIMIT: i64 = 100;
    #[allow(clippy::unused_async, clippy::needless_pass_by_value)]
    #[cfg(feature = "bonus")]
    pub async fn bonus(tx: &mut Tx<BankB>) -> Result<(), Retry> {
        credit(tx, 1, LIMIT).await
    }
    #[cfg(feature = "bonus")]
    /// A message's branch: `GET /api/bank-b/bonus`. The function: [`bonus()`](fn@bonus).
    #[allow(non_camel_case_types, dead_code, unreachable_pub)]
    pub struct bonus {}
    #[cfg(feature = "bonus")]
    #[allow(deprecated)]
    const _: () = {
        impl ::kit::transactions::Branch for bonus {
            const ROUTE: ::kit::transactions::Route = ::kit::transactions::Route {
                name: "bonus",
                path: "/api/bank-b/bonus",
                role: ::kit::transactions::Role::MsgBranch,
                payload: "",
                database: "BankB",
                doc: "",
            };
            type Address = ::kit::transactions::MsgBranch;
            fn address(service: &::kit::transactions::ServiceUrl) -> Self::Address {
                ::kit::transactions::MsgBranch::without_payload(
                    service,
                    Self::ROUTE.path,
                )
            }
        }
        impl ::kit::transactions::Hosted for bonus
        where
            BankB: ::kit::transactions::Database,
        {
            type Database = BankB;
            type Extractors = ();
            fn register<AnyState>(
                router: ::kit::transactions::__private::Router<AnyState>,
            ) -> ::kit::transactions::__private::Router<AnyState>
            where
                AnyState: ::kit::transactions::Holds<Self::Database>
                    + ::kit::transactions::ExtractsAll<Self::Extractors>,
            {
                let branch = ::kit::transactions::__private::BranchFn {
                    run: |tx, (), ()| ::std::boxed::Box::pin(bonus(tx)),
                    payload: ::kit::transactions::__private::no_payload,
                    outcome: <Result<
                        (),
                        Retry,
                    > as ::kit::transactions::MustSucceed>::into_outcome,
                };
                ::kit::transactions::__private::serve_branch(
                    router,
                    &<Self as ::kit::transactions::Branch>::ROUTE,
                    ::kit::transactions::protocol::Op::Action,
                    branch,
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
    #[allow(deprecated, dead_code, unreachable_pub)]
    pub const ROUTES: &[::kit::transactions::Route] = &[
        #[cfg(feature = "bonus")]
        <bonus as ::kit::transactions::Branch>::ROUTE,
        <refund as ::kit::transactions::Branch>::ROUTE,
    ];
    ::kit::transactions::__private::check_paths!(ROUTES);
    /// This service at an address: a method for each of its branches.
    #[derive(::core::clone::Clone, ::core::fmt::Debug)]
    #[allow(dead_code, unreachable_pub)]
    pub struct Remote {
        service: ::kit::transactions::ServiceUrl,
    }
    /// This service at an address: its URL without the branches' paths.
    ///
    /// # Errors
    /// `InvalidUrl` if it is not an http or https address.
    #[allow(dead_code, unreachable_pub)]
    pub fn at(
        url: impl ::core::convert::AsRef<::core::primitive::str>,
    ) -> ::core::result::Result<Remote, ::kit::transactions::InvalidUrl> {
        ::core::result::Result::Ok(Remote {
            service: ::kit::transactions::ServiceUrl::new(url.as_ref())?,
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
            payload: &<<refund as ::kit::transactions::Branch>::Address as ::kit::transactions::Address>::Payload,
        ) -> <<refund as ::kit::transactions::Branch>::Address as ::kit::transactions::Address>::Addressed
        where
            for<'payload> &'payload <<refund as ::kit::transactions::Branch>::Address as ::kit::transactions::Address>::Payload: ::kit::transactions::SendPayload,
        {
            ::kit::transactions::Address::carrying(
                <refund as ::kit::transactions::Branch>::address(&self.service),
                &payload,
            )
        }
    }
    #[cfg(all(feature = "bonus"))]
    #[allow(non_camel_case_types, deprecated)]
    type __branchwire_bonus = bonus;
    #[cfg(not(all(feature = "bonus")))]
    #[allow(non_camel_case_types)]
    type __branchwire_bonus = ::kit::transactions::__private::Absent;
    /// The routes of this service, for any state that holds what its branches need.
    ///
    /// To be merged, not nested: the paths are absolute.
    #[allow(deprecated, dead_code, unreachable_pub, private_bounds)]
    pub fn router<S>() -> ::kit::transactions::__private::Router<S>
    where
        S: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static,
        S: ::kit::transactions::Holds<
                <__branchwire_bonus as ::kit::transactions::Hosted>::Database,
            >
            + ::kit::transactions::ExtractsAll<
                <__branchwire_bonus as ::kit::transactions::Hosted>::Extractors,
            >,
        S: ::kit::transactions::Holds<<refund as ::kit::transactions::Hosted>::Database>
            + ::kit::transactions::ExtractsAll<
                <refund as ::kit::transactions::Hosted>::Extractors,
            >,
    {
        let router = ::kit::transactions::__private::Router::new();
        let router = <__branchwire_bonus as ::kit::transactions::Hosted>::register(
            router,
        );
        let router = <refund as ::kit::transactions::Hosted>::register(router);
        router
    }
}
