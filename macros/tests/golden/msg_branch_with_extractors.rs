#[cfg(feature = "transfers")]
#[deprecated = "use `credit`"]
#[tracing::instrument(skip_all)]
pub(crate) async fn trans_in(
    tx: &mut Tx<BankB>,
    State(rate): State<Rate>,
    tenant: Tenant,
    req: TransferIn,
) -> Result<(), Retry> {
    credit(tx, rate, tenant, req).await
}
#[cfg(feature = "transfers")]
/// A message's branch: `POST /in`. The function: [`trans_in()`](fn@trans_in).
#[deprecated = "use `credit`"]
pub(crate) struct trans_in {}
#[cfg(feature = "transfers")]
#[allow(deprecated)]
const _: () = {
    impl ::branchwire::Branch for trans_in {
        const ROUTE: ::branchwire::Route = ::branchwire::Route {
            name: "trans_in",
            path: "/in",
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
    const _: () = {
        use ::branchwire::__private::NotSo as _;
        if ::branchwire::__private::Probe::<Tenant>::IS_PAYLOAD
            && !::branchwire::__private::Probe::<Tenant>::IS_EXTRACTOR
        {
            ::core::panic!(
                "`trans_in` takes two payloads, `Tenant` and `TransferIn`: make one struct of them"
            );
        }
    };
    impl ::branchwire::Hosted for trans_in
    where
        BankB: ::branchwire::Database,
    {
        type Database = BankB;
        type Extractors = (State<Rate>, Tenant);
        fn register<__BranchwireState>(
            __router: ::branchwire::__private::Router<__BranchwireState>,
        ) -> ::branchwire::__private::Router<__BranchwireState>
        where
            __BranchwireState: ::branchwire::Holds<Self::Database>
                + ::branchwire::ExtractsAll<Self::Extractors>,
        {
            let __branch = ::branchwire::__private::BranchFn {
                run: |__tx, (__extractor0, __extractor1), __payload, ()| ::std::boxed::Box::pin(
                    trans_in(__tx, __extractor0, __extractor1, __payload),
                ),
                payload: <TransferIn as ::branchwire::Payload>::from_json,
                kept: ::branchwire::__private::no_payload,
                takes_kept: false,
                outcome: <Result<(), Retry> as ::branchwire::MustSucceed>::into_outcome,
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
