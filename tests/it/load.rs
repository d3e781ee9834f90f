//! The program that measures coordinators, for a moment: it ends in error if a branch is not called or a message not ended.

use std::process::Command;

#[test]
fn the_load_program_brings_every_message_to_its_end() {
    let mut load = Command::new(env!("CARGO_BIN_EXE_load"));
    let output = load.args(["--seconds", "0.5", "--branches", "1,2", "--in-flight", "4"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<serde_json::Value> = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert!(row["messages"].as_u64() > Some(0), "{row}");
    }
}
