//! What a concrete type is, told while the program is compiled.

use super::payload::{Payload, ReadBack};

/// Tells at compile time what a concrete type is: `Probe::<T>::IS_PAYLOAD`, with [`NotSo`] in scope.
#[derive(Debug)]
pub struct Probe<T>(std::marker::PhantomData<T>);

#[doc(hidden)]
impl<T: Payload> Probe<T> {
    pub const IS_PAYLOAD: bool = true;
    pub const READ_BACK: ReadBack = |json| T::from_json(json.as_bytes()).map(drop);
}

/// The constants for a type that lacks those of [`Probe`] itself. Whether it is an extractor says the axum side.
#[doc(hidden)]
pub trait NotSo {
    const IS_PAYLOAD: bool = false;
    const READ_BACK: ReadBack = |_| Ok(());
    const IS_EXTRACTOR: bool = false;
}

impl<T> NotSo for Probe<T> {}
