pub mod notary {
    use super::*;
    /// Writes a transfer down.
    ///
    /// A message's branch: `POST /api/notary/transferred`. Hosted elsewhere.
    #[allow(non_camel_case_types, dead_code, unreachable_pub)]
    pub struct transferred {}
    #[allow(deprecated)]
    const _: () = {
        impl ::branchwire::Branch for transferred {
            const ROUTE: ::branchwire::Route = ::branchwire::Route {
                name: "transferred",
                path: "/api/notary/transferred",
                role: ::branchwire::Role::MsgBranch,
                payload: "Notice",
                database: "",
                doc: "Writes a transfer down.",
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
    };
    /// A message's branch: `GET /api/notary/v2/seal`. Hosted elsewhere.
    #[allow(non_camel_case_types, dead_code, unreachable_pub)]
    pub struct seal {}
    #[allow(deprecated)]
    const _: () = {
        impl ::branchwire::Branch for seal {
            const ROUTE: ::branchwire::Route = ::branchwire::Route {
                name: "seal",
                path: "/api/notary/v2/seal",
                role: ::branchwire::Role::MsgBranch,
                payload: "",
                database: "",
                doc: "",
            };
            type Address = ::branchwire::MsgBranch;
            fn address(service: &::branchwire::ServiceUrl) -> Self::Address {
                ::branchwire::MsgBranch::without_payload(service, Self::ROUTE.path)
            }
        }
    };
    #[msg_branch(__branchwire_collected)]
    const _: () = ();
    /// The routes of this service. A path is a promise: stored transactions hold it.
    #[allow(deprecated, dead_code, unreachable_pub)]
    pub const ROUTES: &[::branchwire::Route] = &[
        <transferred as ::branchwire::Branch>::ROUTE,
        <seal as ::branchwire::Branch>::ROUTE,
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
        /// Writes a transfer down.
        ///
        /// A message's branch: `POST /api/notary/transferred`.
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
        /// A message's branch: `GET /api/notary/v2/seal`.
        pub fn seal(&self) -> ::branchwire::MsgBranch {
            ::branchwire::MsgBranch::without_payload(
                &self.service,
                <seal as ::branchwire::Branch>::ROUTE.path,
            )
        }
    }
    /// What a service hosts that says `#[service(implements = ..)]`: each of these branches, and no other.
    #[allow(deprecated, dead_code, unreachable_pub, private_interfaces)]
    pub trait Contract {
        #[doc(hidden)]
        const __ROUTES: &'static [::branchwire::Route] = ROUTES;
        #[doc(hidden)]
        const __BASE: &'static ::core::primitive::str = "/api/notary";
        /// Hosts `transferred`.
        fn transferred(payload: Notice) -> ::branchwire::MsgBranch;
        /// Hosts `seal`.
        fn seal(payload: ()) -> ::branchwire::MsgBranch;
    }
}
