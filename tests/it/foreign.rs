//! A client of DTM's that knows nothing of Branchwire: dtmcli, for Python.
//!
//! It drives our coordinator, and it shares a database and its barrier table with a service of ours.

use std::path::{Path, PathBuf};
use std::time::Duration;

use branchwire::Reply;
use branchwire::protocol::Gid;
use branchwire_coordinator::Coordinator;
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver, OTHER_ACCOUNT};
use branchwire_tests::database::TestDatabase;
use branchwire_tests::server::say;
use branchwire_tests::service::Service;
use sqlx::MySql;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::coordinator::Running;

/// The version that was read before this test was written.
const DTMCLI: &str = "dtmcli==1.7.7.0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bank_written_with_dtmcli_works_with_one_written_with_branchwire() {
    let Some(packages) = install_dtmcli().await else { return };
    let Some(bank) = Bank::<MySql>::open().await else { return };
    let service =
        Service::new(&bank, |tx, amount| Box::pin(async move { Ok(MySql::credit(tx, ACCOUNT, amount).await?) }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let service_url = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(axum::serve(listener, service.router()).into_future());
    let store = TestDatabase::sqlite();
    let second = Duration::from_secs(1);
    let builder = Coordinator::builder().store(store.url()).timeout_to_fail(second).cron_interval(second);
    let coordinator = Running::start(builder).await;

    let (applied, fresh) = (Gid::random(), Gid::random());
    assert_eq!(service.call(&applied, 1).await, Reply::Success);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign/bank.py");
    let dtm_url = format!("{}/api/dtmsvr", coordinator.url);
    let output = Command::new("python3")
        .arg(script)
        .args([&dtm_url, &service_url, bank.url(), applied.as_str(), fresh.as_str()])
        .env("PYTHONPATH", packages)
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .await
        .expect("Python runs");
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complaints}");
    let gid = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(&format!("RESULT {name} ")));
        line.unwrap_or_else(|| panic!("no {name} in\n{said}")).to_owned()
    };

    // Those that were waited for have ended before Python went on.
    assert_eq!(coordinator.query(&gid("waited_for")).await["transaction"]["status"], "succeed");
    assert_eq!(coordinator.query(&gid("waited_for_in_vain")).await["transaction"]["status"], "submitted");
    for (name, status) in
        [("submitted", "succeed"), ("refused", "failed"), ("committed", "succeed"), ("forgotten", "failed")]
    {
        coordinator.wait_status(&gid(name), status).await;
    }
    assert_eq!(service.call(&fresh, 1).await, Reply::Success);

    // Credited by us: `submitted`, `committed` and `waited_for`, and `applied` with 1; `fresh` was carried out by Python.
    assert_eq!(bank.balance(ACCOUNT).await, 3 * 30 + 1);
    // Debited by Python: `submitted`, `committed` and `fresh`.
    assert_eq!(bank.balance(OTHER_ACCOUNT).await, -3 * 30);
    coordinator.stop().await;
}

/// Where Python finds dtmcli; `None` if there is no Python that could, which has been reported. Rust is all that a check
/// of a change needs, so that is no failure there.
async fn install_dtmcli() -> Option<PathBuf> {
    let packages = Path::new(env!("CARGO_TARGET_TMPDIR")).join(DTMCLI);
    if !packages.join("dtmcli").is_dir() {
        let pip = Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"])
            .args([packages.as_os_str(), DTMCLI.as_ref()])
            .output()
            .await;
        if !pip.is_ok_and(|pip| pip.status.success()) {
            say(&format!("skipped the test with {DTMCLI}: install `python3-pip`, and let it reach PyPI"));
            return None;
        }
    }
    Some(packages)
}
