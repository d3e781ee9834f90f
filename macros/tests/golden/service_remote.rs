pub mod notary {
    use super::*;
    /// Writes a transfer down.
    ///
    /// A message's branch: `POST /api/notary/transferred`. Hosted elsewhere.
    pub struct transferred {}
    const _: () = {
        impl ::branchwire::Branch for transferred {
            const ROUTE: ::branchwire::Route = ::branchwire::Route {
                name: "transferred",
                path: "/api/notary/transferred",
                role: ::branchwire::Role::MsgBranch,
                payload: "Notice",
                database: "",
                of: "",
                doc: "Writes a transfer down.",
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
    };
    /// A message's branch: `GET /api/notary/v2/seal`. Hosted elsewhere.
    pub struct seal {}
    const _: () = {
        impl ::branchwire::Branch for seal {
            const ROUTE: ::branchwire::Route = ::branchwire::Route {
                name: "seal",
                path: "/api/notary/v2/seal",
                role: ::branchwire::Role::MsgBranch,
                payload: "",
                database: "",
                of: "",
                doc: "",
            };
            type Address = ::branchwire::MsgBranch;
            fn address(__service: &::branchwire::ServiceUrl) -> Self::Address {
                ::branchwire::MsgBranch::without_payload(
                    __service,
                    <Self as ::branchwire::Branch>::ROUTE.path,
                )
            }
        }
    };
    #[msg_branch(__branchwire_collected)]
    const _: () = ();
    /// The routes of this service. A path is a promise: stored transactions hold it.
    pub const ROUTES: &[::branchwire::Route] = &[
        <transferred as ::branchwire::Branch>::ROUTE,
        <seal as ::branchwire::Branch>::ROUTE,
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
        /// Writes a transfer down.
        ///
        /// A message's branch: `POST /api/notary/transferred`.
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
        /// A message's branch: `GET /api/notary/v2/seal`.
        pub fn seal(&self) -> ::branchwire::MsgBranch {
            ::branchwire::MsgBranch::without_payload(
                &self.service,
                <seal as ::branchwire::Branch>::ROUTE.path,
            )
        }
        fn branchwire__never_called() {}
    }
    /// What a service hosts that says `#[service(implements = ..)]`: each of these branches, and no other.
    pub trait Contract {
        #[doc(hidden)]
        const __ROUTES: &'static [::branchwire::Route] = ROUTES;
        #[doc(hidden)]
        const __BASE: &'static ::core::primitive::str = "/api/notary";
        /// Hosts `transferred`.
        fn transferred(_: Notice);
        /// Hosts `seal`.
        fn seal(_: ());
    }
}
