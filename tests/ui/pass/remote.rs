//! A service that others host.

use branchwire::prelude::*;
use serde::Serialize;

/// What is only sent need not be read.
#[derive(Serialize)]
pub struct Notice {
    pub text: String,
}

#[branchwire::service("/notary", remote)]
pub mod notary {
    use super::*;

    /// Writes it down.
    #[msg_branch]
    pub fn attest(notice: Notice);

    #[msg_branch("/v2/seal")]
    pub fn seal();
}

#[test]
fn it_is_addressed() {
    let notary = notary::at("https://notary.example").unwrap();
    let _ = notary.attest(&Notice { text: String::new() });
    let _ = notary.seal();
    let _ = branchwire::at::<notary::attest>("https://notary.example").unwrap().with(&Notice { text: String::new() });
    assert_eq!(notary::ROUTES[0].doc, "Writes it down.");
    assert_eq!(notary::ROUTES[1].path, "/notary/v2/seal");
}
