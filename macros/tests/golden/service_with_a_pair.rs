pub mod hotel {
    use super::*;
    /// Takes a room.
    pub async fn book(tx: &mut Tx<Hotel>, req: Book) -> Result<(), BranchError> {
        take(tx, &req).await
    }
    /// Takes a room.
    ///
    /// A saga's action: `POST /api/hotel/book`. The function: [`book()`](fn@book).
    pub struct book {}
    const _: () = {
        impl ::branchwire::Branch for book {
            const ROUTE: ::branchwire::Route = ::branchwire::Route {
                name: "book",
                path: "/api/hotel/book",
                role: ::branchwire::Role::SagaAction,
                payload: "Book",
                database: "Hotel",
                of: "",
                doc: "Takes a room.",
            };
            const READ_BACK: ::branchwire::__private::ReadBack = {
                use ::branchwire::__private::NotSo as _;
                ::branchwire::__private::Probe::<Book>::READ_BACK
            };
            type Address = ::branchwire::SagaAddress<Book>;
            fn address(__service: &::branchwire::ServiceUrl) -> Self::Address {
                ::branchwire::SagaAddress::new(
                    __service,
                    <Self as ::branchwire::Branch>::ROUTE.path,
                    <<book as ::branchwire::Compensated>::By as ::branchwire::Branch>::ROUTE
                        .path,
                    <Self as ::branchwire::Branch>::READ_BACK,
                )
            }
        }
        impl ::branchwire::Hosted for book
        where
            Hotel: ::branchwire::Database,
        {
            type Database = Hotel;
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
                        book(__tx, __payload),
                    ),
                    payload: <Book as ::branchwire::Payload>::from_json,
                    kept: ::branchwire::__private::no_payload,
                    takes_kept: false,
                    outcome: <Result<
                        (),
                        BranchError,
                    > as ::branchwire::MayRefuse>::into_outcome,
                    value: ::core::option::Option::None,
                };
                ::branchwire::__private::serve_branch(
                    __router,
                    &<Self as ::branchwire::Branch>::ROUTE,
                    __branch,
                )
            }
        }
        impl ::branchwire::SagaAction for book {
            type Database = Hotel;
            type Payload = Book;
            type Value = ();
            const SERVICE: &'static ::core::primitive::str = "hotel";
        }
        const _: () = <book as ::branchwire::Compensated>::HOLDS;
    };
    /// Gives it back.
    pub async fn cancel(tx: &mut Tx<Hotel>, req: Book) -> Result<(), Retry> {
        give_back(tx, &req).await
    }
    /// Gives it back.
    ///
    /// A saga's compensation: `POST /api/hotel/cancel`. The function: [`cancel()`](fn@cancel).
    pub struct cancel {}
    const _: () = {
        impl ::branchwire::Branch for cancel {
            const ROUTE: ::branchwire::Route = ::branchwire::Route {
                name: "cancel",
                path: "/api/hotel/cancel",
                role: ::branchwire::Role::SagaCompensate,
                payload: "Book",
                database: "Hotel",
                of: "book",
                doc: "Gives it back.",
            };
            type Address = ::branchwire::Compensation<Book>;
            fn address(_: &::branchwire::ServiceUrl) -> Self::Address {
                ::branchwire::Compensation::new()
            }
        }
        impl ::branchwire::Hosted for cancel
        where
            Hotel: ::branchwire::Database,
        {
            type Database = Hotel;
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
                        cancel(__tx, __payload),
                    ),
                    payload: <Book as ::branchwire::Payload>::from_json,
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
        type __First = book;
        impl ::branchwire::Compensated for __First {
            type By = cancel;
        }
        const _: () = <Book as ::branchwire::SamePayload<
            <__First as ::branchwire::SagaAction>::Payload,
        >>::HOLDS;
        const _: () = <Hotel as ::branchwire::SameDatabase<
            <__First as ::branchwire::SagaAction>::Database,
        >>::HOLDS;
    };
    /// Is the hotel open?
    pub async fn is_open(tx: &mut Tx<Hotel>) -> Result<(), BranchError> {
        open(tx).await
    }
    /// Is the hotel open?
    ///
    /// A saga's action: `GET /api/hotel/open`. The function: [`is_open()`](fn@is_open).
    pub struct is_open {}
    const _: () = {
        impl ::branchwire::Branch for is_open {
            const ROUTE: ::branchwire::Route = ::branchwire::Route {
                name: "is_open",
                path: "/api/hotel/open",
                role: ::branchwire::Role::SagaAction,
                payload: "",
                database: "Hotel",
                of: "",
                doc: "Is the hotel open?",
            };
            type Address = ::branchwire::SagaStep;
            fn address(__service: &::branchwire::ServiceUrl) -> Self::Address {
                ::branchwire::SagaStep::without_payload(
                    __service,
                    <Self as ::branchwire::Branch>::ROUTE.path,
                    <<is_open as ::branchwire::Compensated>::By as ::branchwire::Branch>::ROUTE
                        .path,
                )
            }
        }
        impl ::branchwire::Hosted for is_open
        where
            Hotel: ::branchwire::Database,
        {
            type Database = Hotel;
            type Extractors = ();
            fn register<__BranchwireState>(
                __router: ::branchwire::__private::Router<__BranchwireState>,
            ) -> ::branchwire::__private::Router<__BranchwireState>
            where
                __BranchwireState: ::branchwire::Holds<Self::Database>
                    + ::branchwire::ExtractsAll<Self::Extractors>,
            {
                let __branch = ::branchwire::__private::BranchFn {
                    run: |__tx, (), (), ()| ::std::boxed::Box::pin(is_open(__tx)),
                    payload: ::branchwire::__private::no_payload,
                    kept: ::branchwire::__private::no_payload,
                    takes_kept: false,
                    outcome: <Result<
                        (),
                        BranchError,
                    > as ::branchwire::MayRefuse>::into_outcome,
                    value: ::core::option::Option::None,
                };
                ::branchwire::__private::serve_branch(
                    __router,
                    &<Self as ::branchwire::Branch>::ROUTE,
                    __branch,
                )
            }
        }
        impl ::branchwire::SagaAction for is_open {
            type Database = Hotel;
            type Payload = ();
            type Value = ();
            const SERVICE: &'static ::core::primitive::str = "hotel";
        }
        impl ::branchwire::Compensated for is_open {
            type By = ::branchwire::__private::NothingToUndo;
        }
    };
    #[saga_action(__branchwire_collected)]
    const _: () = ();
    #[saga_compensate(__branchwire_collected)]
    const _: () = ();
    /// The routes of this service. A path is a promise: stored transactions hold it.
    pub const ROUTES: &[::branchwire::Route] = &[
        <book as ::branchwire::Branch>::ROUTE,
        <cancel as ::branchwire::Branch>::ROUTE,
        <is_open as ::branchwire::Branch>::ROUTE,
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
        /// Takes a room.
        ///
        /// A saga's action: `POST /api/hotel/book`.
        pub fn book(&self, __payload: &Book) -> ::branchwire::SagaStep
        where
            for<'sent_payload> &'sent_payload Book: ::branchwire::SendPayload,
        {
            ::branchwire::SagaStep::with_payload(
                    &self.service,
                    <book as ::branchwire::Branch>::ROUTE.path,
                    <<book as ::branchwire::Compensated>::By as ::branchwire::Branch>::ROUTE
                        .path,
                    &__payload,
                )
                .read_back(<book as ::branchwire::Branch>::READ_BACK)
        }
        /// Is the hotel open?
        ///
        /// A saga's action: `GET /api/hotel/open`.
        pub fn is_open(&self) -> ::branchwire::SagaStep {
            ::branchwire::SagaStep::without_payload(
                &self.service,
                <is_open as ::branchwire::Branch>::ROUTE.path,
                <<is_open as ::branchwire::Compensated>::By as ::branchwire::Branch>::ROUTE
                    .path,
            )
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
        __BranchwireState: ::branchwire::Holds<Hotel>,
        Hotel: ::branchwire::Database,
    {
        let __router = ::branchwire::__private::Router::new();
        let __router = <book as ::branchwire::Hosted>::register(__router);
        let __router = <cancel as ::branchwire::Hosted>::register(__router);
        let __router = <is_open as ::branchwire::Hosted>::register(__router);
        __router
    }
}
