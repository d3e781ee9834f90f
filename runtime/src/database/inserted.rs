//! What an insert tells.

/// What an insert of a row has led to.
#[derive(Debug, Clone, Copy)]
pub struct Inserted {
    /// Whether the row is new.
    pub(crate) is_new: bool,
    /// A number that no other row has or gets; `None` on a database where nobody asks for it.
    pub(crate) number: Option<u64>,
}

impl From<bool> for Inserted {
    fn from(is_new: bool) -> Self {
        Self { is_new, number: None }
    }
}
