//! A web server that answers everything with 200 counted as a coordinator.

use axum::Router;
use axum::response::Html;
use branchwire::client::ClientError;
use branchwire::msg::NotStarted;
use branchwire::{Client, Done, Gid, MsgBranch, NotDone, QueryPrepared, ServiceUrl};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};
use sqlx::Sqlite;
use tokio::net::TcpListener;

#[tokio::test]
async fn f05_a_server_that_is_no_coordinator_is_not_believed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let app = Router::new().fallback(async || Html("<html>Welcome</html>"));
    tokio::spawn(axum::serve(listener, app).into_future());
    let bank: Bank<Sqlite> = Bank::open().await.expect("SQLite is always there");
    let prepared: QueryPrepared<Bank<Sqlite>> = QueryPrepared::new(&ServiceUrl::new("http://bank-a").unwrap(), "/p");
    let branch = || MsgBranch::url("http://bank-b/in", &1).unwrap();

    let debit = async |tx: &mut branchwire::Tx<Bank<Sqlite>>| Sqlite::credit(tx, ACCOUNT, -1).await;
    let result = client.msg(branch()).do_and_submit(prepared, &bank, debit).await;
    let unreadable = matches!(result, Err(NotDone::NotStarted(NotStarted::Coordinator(ClientError::Unreadable(_)))));
    assert!(unreadable, "{result:?}");
    assert_eq!(bank.balance(ACCOUNT).await, 0, "the business has not run");

    // It may be a coordinator behind a proxy that has changed the answer.
    let result = client.msg(branch()).submit().await;
    assert!(matches!(result, Ok(Done::Unknown { .. })), "{result:?}");
    assert!(matches!(client.query(&Gid::random()).await, Err(ClientError::Unreadable(_))));
    assert!(matches!(client.outcome(&Gid::random()).await, Err(ClientError::Unreadable(_))));
    assert!(matches!(client.new_gid().await, Err(ClientError::Unreadable(_))));
    assert!(matches!(client.version().await, Err(ClientError::Unreadable(_))));
}
