//! The extractors that a branch takes between its transaction and its payload.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::branch::Probe;

/// A router's state with which the extractor `X` can be used in a branch.
///
/// Any axum extractor that does not read the body can be used; it is placed between the transaction and the payload.
#[diagnostic::on_unimplemented(
    message = "`{X}` is not an extractor that a branch can take with the state `{Self}`",
    label = "between its transaction and its payload a branch takes extractors only (`FromRequestParts` of axum 0.8)"
)]
pub trait Extracts<X>: Sync {
    #[doc(hidden)]
    fn extract(&self, parts: &mut Parts) -> impl Future<Output = Option<X>> + Send;
}

#[diagnostic::do_not_recommend]
impl<S: Sync, X: FromRequestParts<S> + Send + 'static> Extracts<X> for S {
    async fn extract(&self, parts: &mut Parts) -> Option<X> {
        X::from_request_parts(parts, self).await.ok()
    }
}

/// A router's state with which all extractors of a branch can be used: [`Extracts`] for each in the tuple `X`.
#[diagnostic::on_unimplemented(
    message = "not every extractor of the branch, `{X}`, can be used with the state `{Self}`",
    label = "between its transaction and its payload a branch takes extractors only (`FromRequestParts` of axum 0.8)"
)]
pub trait ExtractsAll<X>: Sync {
    #[doc(hidden)]
    fn extract_all(&self, parts: &Parts) -> impl Future<Output = Option<X>> + Send;
}

macro_rules! extracts_all {
    ($($x:ident)*) => {
        impl<S: Sync $(+ Extracts<$x>)*, $($x: Send),*> ExtractsAll<($($x,)*)> for S {
            async fn extract_all(&self, parts: &Parts) -> Option<($($x,)*)> {
                let mut parts = parts.clone();
                Some(($(Extracts::<$x>::extract(self, &mut parts).await?,)*))
            }
        }
    };
}

impl<S: Sync> ExtractsAll<()> for S {
    async fn extract_all(&self, _: &Parts) -> Option<()> {
        Some(())
    }
}

extracts_all!(A);
extracts_all!(A B);
extracts_all!(A B C);
extracts_all!(A B C D);
extracts_all!(A B C D E);
extracts_all!(A B C D E F);
extracts_all!(A B C D E F G);
extracts_all!(A B C D E F G H);

#[doc(hidden)]
impl<T: FromRequestParts<()>> Probe<T> {
    pub const IS_EXTRACTOR: bool = true;
}
