pub mod notary {
    use super::*;
    #[allow(clippy::unused_async, clippy::needless_pass_by_value)]
    pub async fn transferred(tx: &mut Tx<Archive>, notice: Notice) -> Result<(), Retry> {
        write_down(tx, notice).await
    }
    /// A message's branch: `POST` at the path that the contract gives it. The function: [`transferred()`](fn@transferred).
    #[allow(non_camel_case_types, dead_code, unreachable_pub)]
    pub struct transferred {}
    #[allow(deprecated)]
    const _: () = {
        impl ::branchwire::Branch for transferred {
            const ROUTE: ::branchwire::Route = ::branchwire::Route {
                name: "transferred",
                path: ::branchwire::__private::path_in(
                    <__BranchwireHost as ::branchwire::__private::HostsContract>::ROUTES,
                    "transferred",
                ),
                role: ::branchwire::Role::MsgBranch,
                payload: "Notice",
                database: "Archive",
                doc: "",
            };
            const READ_BACK: ::branchwire::__private::ReadBack = {
                use ::branchwire::__private::NotSo as _;
                ::branchwire::__private::Probe::<Notice>::READ_BACK
            };
            type Address = ::branchwire::MsgAddress<Notice>;
            fn address(service: &::branchwire::ServiceUrl) -> Self::Address {
                ::branchwire::MsgAddress::new(service, Self::ROUTE.path, Self::READ_BACK)
            }
        }
        impl ::branchwire::Hosted for transferred
        where
            Archive: ::branchwire::Database,
        {
            type Database = Archive;
            type Extractors = ();
            fn register<AnyState>(
                router: ::branchwire::__private::Router<AnyState>,
            ) -> ::branchwire::__private::Router<AnyState>
            where
                AnyState: ::branchwire::Holds<Self::Database>
                    + ::branchwire::ExtractsAll<Self::Extractors>,
            {
                let branch = ::branchwire::__private::BranchFn {
                    run: |tx, (), payload| ::std::boxed::Box::pin(
                        transferred(tx, payload),
                    ),
                    payload: <Notice as ::branchwire::Payload>::from_json,
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
    #[allow(dead_code, unreachable_pub, clippy::missing_errors_doc)]
    pub async fn sealed(
        db: &Archive,
        gid: ::branchwire::Gid,
    ) -> ::core::result::Result<::branchwire::Prepared, ::branchwire::Retry> {
        <Archive as ::branchwire::__private::AskBarrier>::ask_barrier(db, gid).await
    }
    /// A query-prepared: `GET /sealed` below the contract's base. The function: [`sealed()`](fn@sealed).
    #[allow(non_camel_case_types, dead_code, unreachable_pub)]
    pub struct sealed {}
    #[allow(deprecated)]
    const _: () = {
        impl ::branchwire::Branch for sealed {
            const ROUTE: ::branchwire::Route = ::branchwire::Route {
                name: "sealed",
                path: ::branchwire::__private::join_path!(
                    < __BranchwireHost as ::branchwire::__private::HostsContract >
                    ::BASE, "/sealed"
                ),
                role: ::branchwire::Role::QueryPrepared,
                payload: "",
                database: "Archive",
                doc: "",
            };
            type Address = ::branchwire::QueryPrepared<Archive>;
            fn address(service: &::branchwire::ServiceUrl) -> Self::Address {
                ::branchwire::QueryPrepared::new(service, Self::ROUTE.path)
            }
        }
        impl ::branchwire::Hosted for sealed {
            type Database = Archive;
            type Extractors = ();
            fn register<AnyState>(
                router: ::branchwire::__private::Router<AnyState>,
            ) -> ::branchwire::__private::Router<AnyState>
            where
                AnyState: ::branchwire::Holds<Self::Database>
                    + ::branchwire::ExtractsAll<Self::Extractors>,
            {
                let query_prepared = ::branchwire::__private::QueryPreparedFn {
                    ask: <Archive as ::branchwire::__private::AskBarrier>::ask_barrier,
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
        <transferred as ::branchwire::Branch>::ROUTE,
        <sealed as ::branchwire::Branch>::ROUTE,
    ];
    ::branchwire::__private::check_paths!(ROUTES);
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
        /// A message's branch: `POST` at the path that the contract gives it.
        pub fn transferred(&self, payload: &Notice) -> ::branchwire::MsgBranch
        where
            for<'payload> &'payload Notice: ::branchwire::SendPayload,
        {
            ::branchwire::MsgBranch::with_payload(
                    &self.service,
                    <transferred as ::branchwire::Branch>::ROUTE.path,
                    &payload,
                )
                .read_back(<transferred as ::branchwire::Branch>::READ_BACK)
        }
        /// A query-prepared: `GET /sealed` below the contract's base.
        pub fn sealed(&self) -> ::branchwire::QueryPrepared<Archive> {
            <sealed as ::branchwire::Branch>::address(&self.service)
        }
    }
    /// The routes of this service, for any state that holds what its branches need.
    ///
    /// To be merged, not nested: the paths are absolute.
    #[allow(deprecated, dead_code, unreachable_pub, private_bounds)]
    pub fn router<S>() -> ::branchwire::__private::Router<S>
    where
        S: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static,
        S: ::branchwire::Holds<Archive>,
        Archive: ::branchwire::Database,
    {
        let router = ::branchwire::__private::Router::new();
        let router = <transferred as ::branchwire::Hosted>::register(router);
        let router = <sealed as ::branchwire::Hosted>::register(router);
        router
    }
    #[doc(hidden)]
    #[allow(dead_code, unreachable_pub)]
    pub enum __BranchwireHost {}
}
#[allow(deprecated, unused_variables)]
impl contracts::notary::Contract for notary::__BranchwireHost {
    fn transferred(
        payload: <<notary::transferred as ::branchwire::Branch>::Address as ::branchwire::Address>::Payload,
    ) -> <<notary::transferred as ::branchwire::Branch>::Address as ::branchwire::Address>::Addressed {
        ::core::unreachable!()
    }
}
impl ::branchwire::__private::HostsContract for notary::__BranchwireHost {
    const ROUTES: &'static [::branchwire::Route] = <Self as contracts::notary::Contract>::__ROUTES;
    const BASE: &'static ::core::primitive::str = <Self as contracts::notary::Contract>::__BASE;
}
