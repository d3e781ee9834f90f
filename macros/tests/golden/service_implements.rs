pub mod notary {
    use super::*;
    pub async fn transferred(tx: &mut Tx<Archive>, notice: Notice) -> Result<(), Retry> {
        write_down(tx, notice).await
    }
    /// A message's branch: `POST` at the path that the contract gives it. The function: [`transferred()`](fn@transferred).
    pub struct transferred {}
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
                of: "",
                doc: "",
            };
            const READ_BACK: ::branchwire::__private::ReadBack = {
                use ::branchwire::__private::NotSo as _;
                ::branchwire::__private::Probe::<Notice>::READ_BACK
            };
            type Address = ::branchwire::MsgAddress<Notice>;
            fn address(__service: &::branchwire::ServiceUrl) -> Self::Address {
                ::branchwire::MsgAddress::new(
                    __service,
                    <Self as ::branchwire::Branch>::ROUTE.path,
                    <Self as ::branchwire::Branch>::READ_BACK,
                )
            }
        }
        impl ::branchwire::Hosted for transferred
        where
            Archive: ::branchwire::Database,
        {
            type Database = Archive;
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
                        transferred(__tx, __payload),
                    ),
                    payload: <Notice as ::branchwire::Payload>::from_json,
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
    pub async fn sealed(
        __db: &Archive,
        __gid: ::branchwire::Gid,
    ) -> ::core::result::Result<::branchwire::Prepared, ::branchwire::Retry> {
        <Archive as ::branchwire::__private::AskBarrier>::ask_barrier(__db, __gid).await
    }
    /// A query-prepared: `GET /sealed` below the contract's base. The function: [`sealed()`](fn@sealed).
    pub struct sealed {}
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
                of: "",
                doc: "",
            };
            type Address = ::branchwire::QueryPrepared<Archive>;
            fn address(__service: &::branchwire::ServiceUrl) -> Self::Address {
                ::branchwire::QueryPrepared::new(
                    __service,
                    <Self as ::branchwire::Branch>::ROUTE.path,
                )
            }
        }
        impl ::branchwire::Hosted for sealed {
            type Database = Archive;
            type Extractors = ();
            fn register<__BranchwireState>(
                __router: ::branchwire::__private::Router<__BranchwireState>,
            ) -> ::branchwire::__private::Router<__BranchwireState>
            where
                __BranchwireState: ::branchwire::Holds<Self::Database>
                    + ::branchwire::ExtractsAll<Self::Extractors>,
            {
                let __query_prepared = ::branchwire::__private::QueryPreparedFn {
                    ask: <Archive as ::branchwire::__private::AskBarrier>::ask_barrier,
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
        <transferred as ::branchwire::Branch>::ROUTE,
        <sealed as ::branchwire::Branch>::ROUTE,
    ];
    ::branchwire::__private::check_paths!(ROUTES);
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
        /// A message's branch: `POST` at the path that the contract gives it.
        pub fn transferred(&self, __payload: &Notice) -> ::branchwire::MsgBranch
        where
            for<'sent_payload> &'sent_payload Notice: ::branchwire::SendPayload,
        {
            ::branchwire::MsgBranch::with_payload(
                    &self.service,
                    <transferred as ::branchwire::Branch>::ROUTE.path,
                    &__payload,
                )
                .read_back(<transferred as ::branchwire::Branch>::READ_BACK)
        }
        /// A query-prepared: `GET /sealed` below the contract's base.
        pub fn sealed(&self) -> ::branchwire::QueryPrepared<Archive> {
            <sealed as ::branchwire::Branch>::address(&self.service)
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
        __BranchwireState: ::branchwire::Holds<Archive>,
        Archive: ::branchwire::Database,
    {
        let __router = ::branchwire::__private::Router::new();
        let __router = <transferred as ::branchwire::Hosted>::register(__router);
        let __router = <sealed as ::branchwire::Hosted>::register(__router);
        __router
    }
    #[doc(hidden)]
    pub enum __BranchwireHost {}
}
impl contracts::notary::Contract for notary::__BranchwireHost {
    fn transferred(
        _: <<notary::transferred as ::branchwire::Branch>::Address as ::branchwire::Address>::Payload,
    ) {
        ::core::unreachable!()
    }
}
impl ::branchwire::__private::HostsContract for notary::__BranchwireHost {
    const ROUTES: &'static [::branchwire::Route] = <Self as contracts::notary::Contract>::__ROUTES;
    const BASE: &'static ::core::primitive::str = <Self as contracts::notary::Contract>::__BASE;
}
const _: () = {
    const _: () = ::core::assert!(
        ::branchwire::__private::has_role(< notary::__BranchwireHost as
        ::branchwire::__private::HostsContract > ::ROUTES, "transferred",
        ::branchwire::Role::MsgBranch),
        "`transferred` is a message's branch here, and has another role in its contract"
    );
};
