//! The program that measures coordinators and whole transfers, for a moment: it ends in error if a branch is not called, a
//! message not ended, or a credit not landed.

use std::process::Command;

use branchwire_tests::server;

#[test]
fn the_load_program_brings_every_message_to_its_end() {
    for pattern in ["msg", "saga", "tcc"] {
        let mut load = Command::new(env!("CARGO_BIN_EXE_load"));
        let cells = ["--pattern", pattern, "--seconds", "0.5", "--branches", "1,2", "--in-flight", "4"];
        let output = load.args(cells).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{pattern}: {text}{}", String::from_utf8_lossy(&output.stderr));
        let rows: Vec<serde_json::Value> = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(rows.len(), 2);
        for row in rows {
            assert!(row["pattern"] == pattern && row["messages"].as_u64() > Some(0), "{row}");
        }
    }
}

#[tokio::test]
async fn the_load_program_sees_every_credit_land() {
    let mut turns = vec![("sqlite", None)];
    turns.extend(server::postgres().await.map(|server| ("postgres", Some(server))));
    for (banks, server) in turns {
        let mut load = Command::new(env!("CARGO_BIN_EXE_load"));
        let cells = ["--whole", "--banks", banks, "--outbox=both", "--seconds", "0.3", "--in-flight", "4"];
        // On the tests' own server, and not on another one.
        load.args(cells).envs(server.map(|server| ("BRANCHWIRE_POSTGRES_URL", server.url().as_str())));
        let output = load.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{banks}: {text}{}", String::from_utf8_lossy(&output.stderr));
        let rows: Vec<serde_json::Value> = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let ways: Vec<_> = rows.iter().map(|row| row["way"].as_str().unwrap()).collect();
        assert_eq!(ways, ["branchwire", "branchwire, outbox"]);
        assert!(rows.iter().all(|row| row["transfers"].as_u64() > Some(0)), "{text}");
    }
}
