//! DTM's client for Python, dtmcli, which knows nothing of Branchwire.
//!
//! It drives our coordinator, and it shares a database and its barrier table with a service of ours.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use branchwire::Reply;
use branchwire::protocol::Gid;
use branchwire_coordinator::Coordinator;
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver, OTHER_ACCOUNT};
use branchwire_tests::database::TestDatabase;
use branchwire_tests::server::say;
use branchwire_tests::service::{Service, read};
use sqlx::MySql;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::OnceCell;
use tower::ServiceExt as _;

use crate::coordinator::Running;

/// The version for which this test was written.
const DTMCLI: &str = "dtmcli==1.7.7.0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bank_written_with_dtmcli_works_with_one_written_with_branchwire() {
    let Some(packages) = install_dtmcli().await else { return };
    let Some(bank) = Bank::<MySql>::open().await else { return };
    let service =
        Service::new(&bank, |tx, amount| Box::pin(async move { Ok(MySql::credit(tx, ACCOUNT, amount).await?) }));
    let service_url = serve(service.router()).await;
    let store = TestDatabase::sqlite();
    let second = Duration::from_secs(1);
    let builder = Coordinator::builder().store(store.url()).timeout_to_fail(second).cron_interval(second);
    let coordinator = Running::start(builder).await;

    let (applied, fresh) = (Gid::random(), Gid::random());
    assert_eq!(service.call(&applied, 1).await, Reply::Success);
    let args = [&service_url, bank.url(), applied.as_str(), fresh.as_str()];
    let said = run_python(packages, "bank.py", &coordinator, &args).await;

    // Python has waited for the end of these.
    assert_eq!(coordinator.query(&said.gid("waited_for")).await["transaction"]["status"], "succeed");
    assert_eq!(coordinator.query(&said.gid("waited_for_in_vain")).await["transaction"]["status"], "submitted");
    for (name, status) in
        [("submitted", "succeed"), ("refused", "failed"), ("committed", "succeed"), ("forgotten", "failed")]
    {
        coordinator.wait_status(&said.gid(name), status).await;
    }
    assert_eq!(service.call(&fresh, 1).await, Reply::Success);

    // Credited by us: `submitted`, `committed` and `waited_for`, and `applied` with 1; `fresh` was carried out by
    // Python.
    assert_eq!(bank.balance(ACCOUNT).await, 3 * 30 + 1);
    // Debited by Python: `submitted`, `committed` and `fresh`.
    assert_eq!(bank.balance(OTHER_ACCOUNT).await, -3 * 30);
    coordinator.stop().await;
}

#[derive(Clone, branchwire::Database)]
struct Ledger(sqlx::MySqlPool);

#[branchwire::service("/api/pairs")]
mod pairs {
    use branchwire::prelude::*;

    use super::Ledger;

    #[saga_action]
    pub(super) async fn take(tx: &mut Tx<Ledger>, amount: i64) -> Result<(), BranchError> {
        add(tx, 1, -amount).await?;
        (amount <= 100).then_some(()).or_refuse("more than 100")
    }

    #[saga_compensate(of = take)]
    pub(super) async fn give_back(tx: &mut Tx<Ledger>, amount: i64) -> Result<(), Retry> {
        Ok(add(tx, 1, amount).await?)
    }

    #[tcc_try]
    pub(super) async fn hold(tx: &mut Tx<Ledger>, amount: i64) -> Result<(), BranchError> {
        add(tx, 1, -amount).await?;
        (amount <= 100).then_some(()).or_refuse("more than 100")
    }

    #[tcc_confirm(of = hold)]
    pub(super) async fn keep(tx: &mut Tx<Ledger>, amount: i64) -> Result<(), Retry> {
        Ok(add(tx, 2, amount).await?)
    }

    #[tcc_cancel(of = hold)]
    pub(super) async fn let_go(tx: &mut Tx<Ledger>, amount: i64) -> Result<(), Retry> {
        Ok(add(tx, 1, amount).await?)
    }

    async fn add(tx: &mut Tx<Ledger>, user_id: i64, amount: i64) -> Result<(), sqlx::Error> {
        let sql = "UPDATE user_account SET balance = balance + ? WHERE user_id = ?";
        sqlx::query(sql).bind(amount).bind(user_id).execute(&mut *tx).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sagas_and_tccs_of_dtmcli_are_carried_out_by_a_service_written_with_branchwire() {
    let Some(packages) = install_dtmcli().await else { return };
    let Some(bank) = Bank::<MySql>::open().await else { return };
    let routes: Router =
        pairs::router().with_state(Ledger(sqlx::MySqlPool::connect(bank.url()).await.expect("a pool")));
    let take = async |gid: &Gid| {
        let uri = format!("/api/pairs/take?gid={gid}&trans_type=saga&branch_id=01&op=action");
        let call = Request::post(uri).body(Body::from("30")).expect("a request");
        read(routes.clone().oneshot(call).await.expect("an answer")).await
    };
    let service_url = serve(routes.clone()).await;
    let store = TestDatabase::sqlite();
    let second = Duration::from_secs(1);
    let coordinator = Running::start(Coordinator::builder().store(store.url()).cron_interval(second)).await;

    let (applied, fresh) = (Gid::random(), Gid::random());
    assert_eq!(take(&applied).await, Reply::Success);
    let args = [&service_url, bank.url(), applied.as_str(), fresh.as_str()];
    let said = run_python(packages, "pairs.py", &coordinator, &args).await;

    // Python has waited for the end of these.
    assert_eq!(coordinator.query(&said.gid("waited_for")).await["transaction"]["status"], "succeed");
    assert_eq!(coordinator.query(&said.gid("waited_for_failed")).await["transaction"]["status"], "failed");
    coordinator.wait_status(&said.gid("sent"), "succeed").await;
    coordinator.wait_status(&said.gid("refused"), "failed").await;
    // Python has compensated it before it came.
    assert_eq!(take(&fresh).await, Reply::Refused);
    coordinator.wait_status(&said.gid("confirmed"), "succeed").await;
    coordinator.wait_status(&said.gid("cancelled"), "failed").await;
    // Taken by `sent` twice and by `waited_for`, and by `confirmed`; Python has given `applied` back, once.
    assert_eq!((bank.balance(ACCOUNT).await, bank.balance(OTHER_ACCOUNT).await), (-3 * 30 - 50, 50));
    coordinator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tcc_of_dtmcli_is_confirmed_and_cancelled() {
    let Some(packages) = install_dtmcli().await else { return };
    let Some(bank) = Bank::<MySql>::open().await else { return };
    let store = TestDatabase::sqlite();
    let second = Duration::from_secs(1);
    let coordinator = Running::start(Coordinator::builder().store(store.url()).cron_interval(second)).await;
    let said = run_python(packages, "reserve.py", &coordinator, &[bank.url()]).await;
    assert_eq!(coordinator.query(&said.gid("confirmed")).await["transaction"]["status"], "succeed");
    assert_eq!(coordinator.query(&said.gid("cancelled")).await["transaction"]["status"], "failed");
    // Tried and confirmed: 30 and 20. Of the others one is given back, and the other one was refused.
    assert_eq!((bank.balance(ACCOUNT).await, bank.balance(OTHER_ACCOUNT).await), (50, -50));
    coordinator.stop().await;
}

/// Serves on a free port of this machine.
async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(axum::serve(listener, routes).into_future());
    url
}

/// The output of a program in Python.
struct Said(String);

impl Said {
    /// The gid of this result.
    fn gid(&self, name: &str) -> String {
        let line = self.0.lines().find_map(|line| line.strip_prefix(&format!("RESULT {name} ")));
        line.unwrap_or_else(|| panic!("no {name} in\n{}", self.0)).to_owned()
    }
}

/// Runs a program with dtmcli to its end; its first argument is the coordinator.
async fn run_python(packages: &Path, program: &str, coordinator: &Running, args: &[&str]) -> Said {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign").join(program);
    let output = Command::new("python3")
        .arg(script)
        .arg(format!("{}/api/dtmsvr", coordinator.url))
        .args(args)
        .env("PYTHONPATH", packages)
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .await
        .expect("Python runs");
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complaints}");
    Said(said.into_owned())
}

/// The directory in which Python finds dtmcli; `None` without a usable Python, which has been reported. That is no
/// failure: checks of a change need only Rust.
async fn install_dtmcli() -> Option<&'static Path> {
    // Only once: two installations at a time would write the same files.
    static PACKAGES: OnceCell<Option<PathBuf>> = OnceCell::const_new();
    PACKAGES.get_or_init(install).await.as_deref()
}

async fn install() -> Option<PathBuf> {
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
