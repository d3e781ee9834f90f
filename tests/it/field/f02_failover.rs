//! A failover in which the old primary turns read-only and keeps its connections: the coordinator follows to the new
//! one, by one address that moves, or by a list of hosts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use branchwire_coordinator::Coordinator;
use branchwire_coordinator::store::{self, Options};
use branchwire_tests::server::{self, Server};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::coordinator::Running;

/// New connections go to the port that is set; open ones stay where they are.
async fn movable_address(target: Arc<AtomicU16>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let port = target.load(Ordering::SeqCst);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    port
}

/// Waits until the coordinator is ready, or not ready; at most twenty seconds.
async fn becomes_ready(url: &str, wanted: bool) {
    let asked = async {
        while reqwest::get(format!("{url}/api/ready")).await.expect("an answer").status().is_success() != wanted {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(20), asked).await;
    answer.unwrap_or_else(|_| panic!("ready does not become {wanted}"));
}

/// What is sent to a server.
struct Statements {
    /// Creates the user `bw` with the password `bw`, who is not an administrator, and its database `fo`.
    set_up: &'static [&'static str],
    turn_read_only: &'static [&'static str],
    turn_writable: &'static [&'static str],
}

const POSTGRES: Statements = Statements {
    set_up: &["CREATE ROLE bw LOGIN PASSWORD 'bw'", "CREATE DATABASE fo OWNER bw"],
    turn_read_only: &["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"],
    turn_writable: &["ALTER SYSTEM SET default_transaction_read_only = off", "SELECT pg_reload_conf()"],
};

const MYSQL: Statements = Statements {
    set_up: &["CREATE DATABASE fo", "CREATE USER bw@'%' IDENTIFIED BY 'bw'", "GRANT ALL ON fo.* TO bw@'%'"],
    turn_read_only: &["SET GLOBAL read_only = ON"],
    turn_writable: &["SET GLOBAL read_only = OFF"],
};

/// How the coordinator finds the primary.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Address,
    List,
}

async fn execute(server: &Server, statements: &[&str]) {
    for sql in statements {
        server.execute(sql).await.expect("it does what is asked");
    }
}

async fn fails_over(old: &Server, new: &Server, statements: &Statements, by: By) {
    let mut addresses = Vec::new();
    for server in [old, new] {
        execute(server, statements.set_up).await;
        let mut address = server.url().clone();
        address.set_username("bw").expect("a user");
        address.set_password(Some("bw")).expect("a password");
        address.set_path("fo");
        addresses.push(address);
    }
    let [old_address, new_address] = <[Url; 2]>::try_from(addresses).expect("two");
    store::open(new_address.as_str(), &Options::default()).await.expect("the tables are created").close().await;

    let [old_port, new_port] = [&old_address, &new_address].map(|address| address.port().expect("a port"));
    let target = Arc::new(AtomicU16::new(old_port));
    let address = match by {
        By::Address => {
            let mut address = old_address.clone();
            address.set_port(Some(movable_address(target.clone()).await)).expect("a port");
            address.to_string()
        }
        By::List => {
            execute(new, statements.turn_read_only).await;
            // The replica is asked first.
            let hosts = format!("127.0.0.1:{new_port},127.0.0.1:{old_port}");
            old_address.as_str().replace(&format!("127.0.0.1:{old_port}"), &hosts)
        }
    };
    let coordinator = Running::start(Coordinator::builder().store(address.as_str())).await;
    let submit = async |gid: &str| {
        let body = json!({ "gid": gid, "trans_type": "msg", "steps": [{ "action": "http://127.0.0.1:1/" }],
            "payloads": ["1"] });
        let sent = reqwest::Client::new().post(format!("{}/api/dtmsvr/submit", coordinator.url)).body(body.to_string());
        sent.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(submit("before").await, 200);
    becomes_ready(&coordinator.url, true).await;

    execute(old, statements.turn_read_only).await;
    becomes_ready(&coordinator.url, false).await;
    assert_eq!(submit("meanwhile").await, 503, "not acknowledged, and to be sent again");

    if by == By::List {
        let refused = store::open(&address, &Options::default()).await.err().expect("there is no primary").to_string();
        for port in [old_port, new_port] {
            assert!(refused.contains(&format!("127.0.0.1:{port}: it is read-only")), "{refused}");
        }
        assert!(!refused.contains("bw:bw"), "{refused}");
        execute(new, statements.turn_writable).await;
    }
    target.store(new_port, Ordering::SeqCst);
    assert_eq!(submit("after").await, 200);
    becomes_ready(&coordinator.url, true).await;
    // Reads go to the new primary, too.
    assert_eq!(coordinator.query("after").await["transaction"]["gid"], "after");
    assert_eq!(coordinator.query("before").await["transaction"], json!(null), "it is on the old primary alone");
    coordinator.stop().await;
}

#[tokio::test]
async fn a_coordinator_follows_to_the_new_primary_on_postgres() {
    let (Some(old), Some(new)) = (server::own_postgres().await, server::own_postgres().await) else { return };
    fails_over(&old, &new, &POSTGRES, By::Address).await;
}

#[tokio::test]
async fn a_coordinator_follows_to_the_new_primary_on_mysql() {
    let (Some(old), Some(new)) = (server::own_mysql().await, server::own_mysql().await) else { return };
    fails_over(&old, &new, &MYSQL, By::Address).await;
}

#[tokio::test]
async fn a_coordinator_finds_the_primary_in_a_list_of_hosts_on_postgres() {
    let (Some(old), Some(new)) = (server::own_postgres().await, server::own_postgres().await) else { return };
    fails_over(&old, &new, &POSTGRES, By::List).await;
}

#[tokio::test]
async fn a_coordinator_finds_the_primary_in_a_list_of_hosts_on_mysql() {
    let (Some(old), Some(new)) = (server::own_mysql().await, server::own_mysql().await) else { return };
    fails_over(&old, &new, &MYSQL, By::List).await;
}
