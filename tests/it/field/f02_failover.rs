//! A failover in which the old primary turns read-only and keeps its connections: the coordinator follows to the new one.

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

/// Whether the coordinator says that it is ready, as soon as it says so; it has twenty seconds.
async fn becomes_ready(url: &str, wanted: bool) {
    let asked = async {
        while reqwest::get(format!("{url}/api/ready")).await.expect("an answer").status().is_success() != wanted {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(20), asked).await;
    answer.unwrap_or_else(|_| panic!("ready does not become {wanted}"));
}

/// What is sent to each of two servers: makes the user `bw` with the password `bw`, who is no administrator, and its
/// database `fo`.
async fn fails_over(old: &Server, new: &Server, set_up: &[&str], turn_read_only: &[&str]) {
    let mut addresses = Vec::new();
    for server in [old, new] {
        for sql in set_up {
            server.execute(sql).await.expect("it is set up");
        }
        let mut address = server.url().clone();
        address.set_username("bw").expect("a user");
        address.set_password(Some("bw")).expect("a password");
        address.set_path("fo");
        addresses.push(address);
    }
    let [old_address, new_address] = <[Url; 2]>::try_from(addresses).expect("two");
    store::open(new_address.as_str(), &Options::default()).await.expect("the tables are created").close().await;

    let target = Arc::new(AtomicU16::new(old_address.port().expect("a port")));
    let mut address = old_address.clone();
    address.set_port(Some(movable_address(target.clone()).await)).expect("a port");
    let coordinator = Running::start(Coordinator::builder().store(address.as_str())).await;
    let submit = async |gid: &str| {
        let body = json!({ "gid": gid, "trans_type": "msg", "steps": [{ "action": "http://127.0.0.1:1/" }],
            "payloads": ["1"] });
        let sent = reqwest::Client::new().post(format!("{}/api/dtmsvr/submit", coordinator.url)).body(body.to_string());
        sent.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(submit("before").await, 200);
    becomes_ready(&coordinator.url, true).await;

    for sql in turn_read_only {
        old.execute(sql).await.expect("it turns read-only");
    }
    becomes_ready(&coordinator.url, false).await;
    assert!(submit("meanwhile").await >= 500, "not acknowledged");

    target.store(new_address.port().expect("a port"), Ordering::SeqCst);
    assert_eq!(submit("after").await, 200);
    becomes_ready(&coordinator.url, true).await;
    // Readers have followed, too.
    assert_eq!(coordinator.query("after").await["transaction"]["gid"], "after");
    assert_eq!(coordinator.query("before").await["transaction"], json!(null), "it is on the old primary alone");
    coordinator.stop().await;
}

#[tokio::test]
async fn a_coordinator_follows_to_the_new_primary_on_postgres() {
    let (Some(old), Some(new)) = (server::own_postgres().await, server::own_postgres().await) else { return };
    let set_up = ["CREATE ROLE bw LOGIN PASSWORD 'bw'", "CREATE DATABASE fo OWNER bw"];
    let read_only = ["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"];
    fails_over(&old, &new, &set_up, &read_only).await;
}

#[tokio::test]
async fn a_coordinator_follows_to_the_new_primary_on_mysql() {
    let (Some(old), Some(new)) = (server::own_mysql().await, server::own_mysql().await) else { return };
    let set_up = ["CREATE DATABASE fo", "CREATE USER bw@'%' IDENTIFIED BY 'bw'", "GRANT ALL ON fo.* TO bw@'%'"];
    fails_over(&old, &new, &set_up, &["SET GLOBAL read_only = ON"]).await;
}
