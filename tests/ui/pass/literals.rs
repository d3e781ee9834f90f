//! Gids and addresses that are written in the program.

#[test]
fn they_are_values_without_an_error() {
    let gid: branchwire::Gid = branchwire::gid!("opening-2026/07");
    assert_eq!(gid.as_str(), "opening-2026/07");
    let url: branchwire::ServiceUrl = branchwire::url!("https://bank-b.example:8443/below");
    assert_eq!(url.as_str(), "https://bank-b.example:8443/below");
}
