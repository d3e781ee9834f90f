//! Refusals: another message under a used gid, and a store that is read-only.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;

use branchwire_tests::database::TestDatabase;
use serde_json::{Value, json};

use super::{Running, gid, message};

#[tokio::test]
async fn another_message_under_a_gid_is_refused() {
    let database = TestDatabase::sqlite();
    let coordinator = Running::on(database.url()).await;
    let gid = gid();
    let mine = message(&gid, &["http://127.0.0.1:1/in".to_owned()]);
    let with = |name: &str, value: Value| {
        let mut other = mine.clone();
        other[name] = value;
        other
    };
    let others = [
        with("steps", json!([{ "action": "http://127.0.0.1:1/other" }])),
        with("payloads", json!(["{\"amount\":31}"])),
        with("steps", json!([])),
    ];
    let refuses = async |route: &str| {
        for other in &others {
            let refused = coordinator.post(route, other).await;
            assert_eq!(refused.status(), 409, "{route} {other}");
            let text = refused.text().await.expect("a text");
            assert!(text.contains("another transaction") && text.contains("FAILURE"), "{text}");
        }
    };
    coordinator.done("prepare", &mine).await;
    refuses("prepare").await;
    refuses("submit").await;
    assert_eq!(coordinator.query(&gid).await["transaction"]["status"], "prepared");
    // The same message, written in another way.
    coordinator
        .done("prepare", &with("payloads", json!([format!(" {} ", mine["payloads"][0].as_str().unwrap())])))
        .await;
    coordinator.done("submit", &mine).await;
    refuses("submit").await;
    coordinator.done("submit", &mine).await;
    coordinator.stop().await;
}

#[tokio::test]
async fn a_file_that_can_only_be_read_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("store.db");
    let address = format!("sqlite://{}", file.display());
    let options = branchwire_coordinator::store::Options::default();
    branchwire_coordinator::store::open(&address, &options).await.expect("it is created").close().await;
    let lock = file.with_extension("db.lock");
    std::fs::set_permissions(&lock, std::fs::Permissions::from_mode(0o666)).expect("our own file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o444)).expect("our own file");
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).expect("our own directory");
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_cluster"));
    program.args(["coordinator", "--listen=127.0.0.1:0", "--store", &address]);
    if std::fs::metadata(&file).expect("our own file").uid() == 0 {
        // Root may write even where the file's mode forbids it.
        program.uid(65534).gid(65534);
    }
    let output = program.output().expect("the program starts");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("store.db` cannot be used") && text.contains("readonly database"), "{text}");
}
