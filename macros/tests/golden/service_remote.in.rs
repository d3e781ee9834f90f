#[branchwire::service("/api/notary", remote)]
pub mod notary {
    use super::*;

    /// Writes a transfer down.
    #[msg_branch]
    pub fn transferred(notice: Notice);

    #[msg_branch("/v2/seal")]
    pub fn seal();
}
