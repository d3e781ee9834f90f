//! The banks: accounts, and a book with a line for each time that an order was carried out.
//!
//! The book has no key. If a branch is applied twice, there are two lines: it is the book that the audit believes.

use axum::extract::{FromRef, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use branchwire::barrier;
use branchwire::prelude::*;
use branchwire::{MsgAddress, QueryPrepared, at};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::Failure;
use super::customer::Answer;
use crate::primary;

/// How many accounts a bank has: 0 and up.
pub(crate) const ACCOUNTS: i64 = 8;

/// What is in each account at first.
pub(crate) const OPENING_BALANCE: i64 = 1_000_000;

/// Where orders are taken.
pub(crate) const ORDER: &str = "/order";

/// An order: money of an account here to an account at the other bank.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) gid: Gid,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) amount: i64,
}

/// A bank's books.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Books {
    /// The sum of all accounts.
    pub(crate) balance: i64,
    /// Gid and amount of each line; negative if the money left.
    pub(crate) lines: Vec<(String, i64)>,
}

/// What a bank knows of its surroundings.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    /// The coordinator; without one it is a bank that only receives.
    pub(super) coordinator: Option<String>,
    /// Where it can be reached.
    pub(super) url: String,
    /// Where the other bank can be reached.
    pub(super) other: String,
}

/// Why an order is not carried out.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("not enough money")]
    NotEnoughMoney,
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// What the customer is told; nothing but the truth.
fn told<T, E: std::error::Error + 'static>(result: Result<Done<T>, NotDone<E>>) -> Json<Answer> {
    Json(match result {
        // Stopped: somebody has ended it at the coordinator. EndedEarly: the business has committed by itself. Neither happens
        // here, and either shows in the comparison.
        Ok(
            Done::Submitted { .. }
            | Done::Committed { .. }
            | Done::Repeated { .. }
            | Done::Stopped { .. }
            | Done::EndedEarly { .. },
        ) => Answer::Done,
        // Another call with this gid is at work: this answer says nothing about what becomes of that.
        Ok(Done::Unknown { .. }) | Err(NotDone::InProgress { .. }) => Answer::Unknown,
        Err(error) => {
            tracing::info!(error = &error as &dyn std::error::Error, "an order was not carried out");
            Answer::Nothing
        }
    })
}

/// Runs a bank until it is killed; says `listening on http://ADDRESS` once it is open.
///
/// # Errors
/// If its database or its port cannot be had.
pub(super) async fn serve(database: &str, surroundings: Surroundings) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let router = match database.split(':').next() {
        Some("sqlite") => sqlite::open(database, surroundings).await?,
        Some("postgres") => postgres::open(database, surroundings).await?,
        _ => mysql::open(database, surroundings).await?,
    };
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

/// A bank on one kind of database: the same in each, but for the placeholders.
macro_rules! bank {
    ($kind:ident, $Pool:ty, $connect:expr, $schema:expr, $insert_account:expr, $add:expr, $take:expr, $note:expr) => {
        mod $kind {
            use super::*;

            #[derive(Clone, Database)]
            pub(crate) struct Bank($Pool);

            #[msg_branch("/credit")]
            pub(crate) async fn credit(tx: &mut Tx<Bank>, context: BranchContext, order: Order) -> Result<(), Retry> {
                sqlx::query($add).bind(order.amount).bind(order.to).execute(&mut *tx).await?;
                sqlx::query($note).bind(context.gid.as_str()).bind(order.amount).execute(&mut *tx).await?;
                Ok(())
            }

            #[query_prepared("/prepared")]
            pub(crate) fn prepared(db: Bank);

            #[derive(Clone, FromRef)]
            struct Sender {
                db: Bank,
                client: Client,
                prepared: QueryPrepared<Bank>,
                credit: MsgAddress<Order>,
            }

            async fn order(State(bank): State<Sender>, Json(order): Json<Order>) -> Json<Answer> {
                let message = bank.client.msg(bank.credit.with(&order)).gid(order.gid.clone());
                told(message.do_and_submit(bank.prepared, &bank.db, async |tx| debit(tx, &order).await).await)
            }

            async fn debit(tx: &mut Tx<Bank>, order: &Order) -> Result<(), Refused> {
                let Order { from, amount, gid, .. } = order;
                let taken =
                    sqlx::query($take).bind(amount).bind(from).bind(amount).execute(&mut *tx).await?.rows_affected();
                sqlx::query($note).bind(gid.as_str()).bind(-amount).execute(&mut *tx).await?;
                if taken == 1 { Ok(()) } else { Err(Refused::NotEnoughMoney) }
            }

            async fn books(State(db): State<Bank>) -> Result<Json<Books>, String> {
                let said = |error: sqlx::Error| error.to_string();
                let balances: Vec<i64> =
                    sqlx::query_scalar("SELECT balance FROM account").fetch_all(db.pool()).await.map_err(said)?;
                let lines = sqlx::query_as("SELECT gid, amount FROM book").fetch_all(db.pool()).await.map_err(said)?;
                Ok(Json(Books { balance: balances.iter().sum(), lines }))
            }

            pub(crate) async fn open(database: &str, surroundings: Surroundings) -> Result<Router, Failure> {
                let pool = $connect(database).await?;
                for statement in $schema {
                    sqlx::query(statement).execute(&pool).await?;
                }
                for account in 0..ACCOUNTS {
                    sqlx::query($insert_account).bind(account).bind(OPENING_BALANCE).execute(&pool).await?;
                }
                let db = Bank(pool);
                barrier::set_up(&db).await?;
                let receives = Router::new().route("/books", get(books)).branch::<credit>().with_state(db.clone());
                let Some(coordinator) = surroundings.coordinator else { return Ok(receives) };
                let sender = Sender {
                    db,
                    client: Client::new(coordinator)?,
                    prepared: at::<prepared>(surroundings.url)?,
                    credit: at::<credit>(surroundings.other)?,
                };
                let sends = Router::new().route(ORDER, post(order)).branch::<prepared>().with_state(sender);
                Ok(receives.merge(sends))
            }
        }
    };
}

async fn open_file(database: &str) -> Result<sqlx::SqlitePool, sqlx::Error> {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
    let options = database.parse::<SqliteConnectOptions>()?.create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    sqlx::SqlitePool::connect_with(options).await
}

bank!(
    sqlite,
    sqlx::SqlitePool,
    open_file,
    [
        "CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)",
        "CREATE TABLE IF NOT EXISTS book (gid TEXT NOT NULL, amount INTEGER NOT NULL)",
    ],
    "INSERT INTO account VALUES (?, ?) ON CONFLICT DO NOTHING",
    "UPDATE account SET balance = balance + ? WHERE id = ?",
    "UPDATE account SET balance = balance - ? WHERE id = ? AND balance >= ?",
    "INSERT INTO book VALUES (?, ?)"
);

bank!(
    postgres,
    sqlx::PgPool,
    async |address: &str| if address.contains(',') {
        primary::postgres(address)
    } else {
        sqlx::PgPool::connect(address).await
    },
    [
        "CREATE TABLE IF NOT EXISTS account (id BIGINT PRIMARY KEY, balance BIGINT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS book (gid TEXT NOT NULL, amount BIGINT NOT NULL)",
    ],
    "INSERT INTO account VALUES ($1, $2) ON CONFLICT DO NOTHING",
    "UPDATE account SET balance = balance + $1 WHERE id = $2",
    "UPDATE account SET balance = balance - $1 WHERE id = $2 AND balance >= $3",
    "INSERT INTO book VALUES ($1, $2)"
);

bank!(
    mysql,
    sqlx::MySqlPool,
    async |address: &str| if address.contains(',') {
        primary::mysql(address)
    } else {
        sqlx::MySqlPool::connect(address).await
    },
    [
        "CREATE TABLE IF NOT EXISTS account (id BIGINT PRIMARY KEY, balance BIGINT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS book (gid VARCHAR(128) NOT NULL, amount BIGINT NOT NULL)",
    ],
    "INSERT IGNORE INTO account VALUES (?, ?)",
    "UPDATE account SET balance = balance + ? WHERE id = ?",
    "UPDATE account SET balance = balance - ? WHERE id = ? AND balance >= ?",
    "INSERT INTO book VALUES (?, ?)"
);
