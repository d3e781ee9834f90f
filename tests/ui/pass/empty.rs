//! A service without branches yet.

#[branchwire::service("/bank")]
pub mod bank {}

#[test]
fn it_is_served() {
    let _: axum::Router<()> = bank::router();
    assert!(bank::ROUTES.is_empty());
    let _ = bank::at("http://bank").unwrap();
}
