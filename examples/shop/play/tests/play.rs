//! The shop as a newcomer runs it.

use std::process::Command;

#[tokio::test]
async fn one_command_runs_the_shop() {
    // Skipped where there is no PostgreSQL, as all tests on it.
    if branchwire_tests::server::postgres().await.is_none() {
        return;
    }
    let output = Command::new(env!("CARGO_BIN_EXE_shop")).output().expect("it starts");
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{error}");
    assert!(said.contains("sent for the second time: 200 OK"), "{said}");
    assert!(said.trim_end().ends_with("shop: one order, 97 lamps left"), "{said}");
}
