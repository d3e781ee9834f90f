//! The banks: accounts, and a book with a line for each time that an order was carried out.
//!
//! An order is a message, with prepare or by an outbox, a saga or a TCC. The book has no key. If a branch is applied
//! twice, there are two lines, and a compensation writes one of its own: it is the book that the audit believes.

use std::time::Duration;

use axum::extract::{FromRef, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use branchwire::barrier::{self, BarrierDialect};
use branchwire::prelude::*;
use branchwire::tcc::CallError;
use branchwire::{MsgAddress, QueryPrepared, SagaAddress, TccAddress, at};
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;
use tokio::net::TcpListener;

use super::Failure;
use super::customer::Answer;
use crate::primary;

/// How many accounts a bank has: 0 and up.
pub(crate) const ACCOUNTS: i64 = 8;

/// The balance of each account at first.
pub(crate) const OPENING_BALANCE: i64 = 1_000_000;

/// The path that takes orders.
pub(crate) const ORDER: &str = "/order";

/// Where the outbox is looked at; what waits in it is due at once.
pub(super) const OUTBOX: &str = "/outbox";

/// An order: money of an account here to an account at the other bank.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) gid: Gid,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) amount: i64,
    pub(crate) pattern: Pattern,
    pub(crate) refusal: Refusal,
}

/// How an order is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Pattern {
    /// The other bank credits, for certain, what this one has debited.
    Msg,
    /// The same without prepare: this bank's outbox has the message.
    Outbox,
    /// The same, and the customer is answered at this bank's commit.
    AtCommit,
    /// Both banks book at once, then the other one checks; each of the three may refuse.
    Saga,
    /// This bank holds the money and the other one is asked, at once; a line is written by whoever confirms.
    Tcc,
}

impl Pattern {
    /// Whether an outbox sends it.
    pub(super) const fn is_by_outbox(self) -> bool {
        matches!(self, Self::Outbox | Self::AtCommit)
    }
}

/// When the other bank, or the sender of a TCC, refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    /// Never.
    None,
    /// When it is asked to receive, while this bank takes the money.
    AtOnce,
    /// After both banks have done their part: the other one in its check, or the sender.
    AtTheEnd,
}

/// A bank's books.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Books {
    /// The sum of all accounts.
    pub(crate) balance: i64,
    /// Gid and amount of each line; negative if the money left.
    pub(crate) lines: Vec<(String, i64)>,
}

/// What is in a bank's outbox.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Queue {
    /// How many messages are to be sent.
    pub(super) waiting: u64,
    /// The gids of those that the coordinator does not take.
    pub(super) stuck: Vec<String>,
}

/// The addresses that a bank knows.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    /// The coordinator; without one it is a bank that only receives.
    pub(super) coordinator: Option<String>,
    /// Where it can be reached.
    pub(super) url: String,
    /// Where the other bank can be reached.
    pub(super) other: String,
}

/// The reason why an order is not carried out.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("not enough money")]
    NotEnoughMoney,
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// The true answer to the customer.
fn told<T, E: std::error::Error + 'static>(result: Result<Done<T>, NotDone<E>>) -> Json<Answer> {
    Json(match result {
        // Stopped: somebody has ended it at the coordinator. EndedEarly: the business has committed by itself. Neither
        // happens here, and either shows in the comparison.
        Ok(
            Done::Submitted { .. }
            | Done::Committed { .. }
            | Done::Repeated { .. }
            | Done::Stopped { .. }
            | Done::EndedEarly { .. },
        ) => Answer::Done,
        // Another call with this gid is in progress: this answer does not say how that one ends.
        Ok(Done::Unknown { .. }) | Err(NotDone::InProgress { .. }) => Answer::Unknown,
        Err(error) => {
            tracing::info!(error = &error as &dyn std::error::Error, "an order was not carried out");
            Answer::Nothing
        }
    })
}

/// The answer to the customer for a saga.
fn told_of_saga(gid: &Gid, result: Result<SagaDone, SagaNotDone>) -> Json<Answer> {
    Json(match result {
        Ok(SagaDone::Succeeded { .. }) => Answer::Done,
        Ok(SagaDone::Running { .. } | SagaDone::Unknown { .. }) => Answer::Unknown,
        // A rollback that is in progress ends before the books are compared.
        Err(error) => {
            tracing::info!(%gid, error = &error as &dyn std::error::Error, "a saga was not carried out");
            Answer::Nothing
        }
    })
}

/// The answer to the customer for a TCC.
fn told_of_tcc(gid: &Gid, result: Result<TccDone<()>, TccNotDone<NotHeld>>) -> Json<Answer> {
    Json(match result {
        Ok(TccDone::Confirmed { .. } | TccDone::Repeated { .. }) => Answer::Done,
        Ok(TccDone::Unknown { .. } | TccDone::Stopped { .. }) => Answer::Unknown,
        Err(error) => {
            tracing::info!(%gid, error = &error as &dyn std::error::Error, "a TCC was not carried out");
            Answer::Nothing
        }
    })
}

/// Why a TCC is cancelled.
#[derive(Debug, thiserror::Error)]
enum NotHeld {
    #[error("the sender decided so")]
    Decided,
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Runs a bank until it is killed; says `listening on http://ADDRESS` once it is open.
///
/// # Errors
/// If its database or its port cannot be opened.
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

            type Driver = <Bank as Database>::Driver;

            /// A statement without a name in the session: behind a pooler each transaction may have another session.
            fn query(sql: &'static str) -> sqlx::query::Query<'static, Driver, <Driver as sqlx::Database>::Arguments> {
                sqlx::query(sql).persistent(false)
            }

            #[msg_branch("/credit")]
            pub(crate) async fn credit(tx: &mut Tx<Bank>, order: Order) -> Result<(), Retry> {
                Ok(book(tx, &order, order.to, order.amount).await?)
            }

            #[saga_action("/take")]
            pub(crate) async fn take(tx: &mut Tx<Bank>, order: Order) -> Result<(), BranchError> {
                match debit(tx, &order).await {
                    Err(Refused::Database(error)) => Err(error.into()),
                    done => done.or_refuse("the account"),
                }
            }

            #[saga_compensate("/put-back", of = take)]
            pub(crate) async fn put_back(tx: &mut Tx<Bank>, order: Order) -> Result<(), Retry> {
                Ok(book(tx, &order, order.from, order.amount).await?)
            }

            #[saga_action("/receive")]
            pub(crate) async fn receive(tx: &mut Tx<Bank>, order: Order) -> Result<(), BranchError> {
                book(tx, &order, order.to, order.amount).await?;
                (order.refusal != Refusal::AtOnce).then_some(()).or_refuse("as it was told to")
            }

            #[saga_compensate("/give-back", of = receive)]
            pub(crate) async fn give_back(tx: &mut Tx<Bank>, order: Order) -> Result<(), Retry> {
                Ok(book(tx, &order, order.to, -order.amount).await?)
            }

            #[saga_action("/check", nothing_to_undo)]
            pub(crate) async fn check(_: &mut Tx<Bank>, order: Order) -> Result<(), BranchError> {
                (order.refusal != Refusal::AtTheEnd).then_some(()).or_refuse("as it was told to")
            }

            /// Held money is in no account; its line is written by the confirm.
            #[tcc_try("/hold")]
            pub(crate) async fn hold(tx: &mut Tx<Bank>, order: Order) -> Result<(), BranchError> {
                let Order { from, amount, .. } = order;
                let held = query($take).bind(amount).bind(from).bind(amount).execute(&mut *tx).await?;
                (held.rows_affected() == 1).then_some(()).or_refuse("not enough money")
            }

            #[tcc_confirm("/spend", of = hold)]
            pub(crate) async fn spend(tx: &mut Tx<Bank>, order: Order) -> Result<(), Retry> {
                query($note).bind(order.gid.as_str()).bind(-order.amount).execute(&mut *tx).await?;
                Ok(())
            }

            #[tcc_cancel("/release", of = hold)]
            pub(crate) async fn release(tx: &mut Tx<Bank>, order: Order) -> Result<(), Retry> {
                query($add).bind(order.amount).bind(order.from).execute(&mut *tx).await?;
                Ok(())
            }

            #[tcc_try("/expect")]
            pub(crate) async fn expect(_: &mut Tx<Bank>, order: Order) -> Result<(), BranchError> {
                (order.refusal != Refusal::AtOnce).then_some(()).or_refuse("as it was told to")
            }

            #[tcc_confirm("/get", of = expect)]
            pub(crate) async fn get_it(tx: &mut Tx<Bank>, order: Order) -> Result<(), Retry> {
                Ok(book(tx, &order, order.to, order.amount).await?)
            }

            #[tcc_cancel("/forget", of = expect)]
            pub(crate) async fn forget(_: &mut Tx<Bank>, _: Order) -> Result<(), Retry> {
                Ok(())
            }

            /// Changes a balance, with a line in the book.
            async fn book(tx: &mut Tx<Bank>, order: &Order, account: i64, amount: i64) -> Result<(), sqlx::Error> {
                query($add).bind(amount).bind(account).execute(&mut *tx).await?;
                query($note).bind(order.gid.as_str()).bind(amount).execute(&mut *tx).await?;
                Ok(())
            }

            #[query_prepared("/prepared")]
            pub(crate) fn prepared(db: Bank);

            #[derive(Clone, FromRef)]
            struct Sender {
                db: Bank,
                client: Client,
                prepared: QueryPrepared<Bank>,
                outbox: Outbox<Bank>,
                credit: MsgAddress<Order>,
                #[from_ref(skip)]
                take: SagaAddress<Order>,
                #[from_ref(skip)]
                receive: SagaAddress<Order>,
                #[from_ref(skip)]
                check: SagaAddress<Order>,
                #[from_ref(skip)]
                hold: TccAddress<Order>,
                #[from_ref(skip)]
                expect: TccAddress<Order>,
            }

            async fn order(State(bank): State<Sender>, Json(order): Json<Order>) -> Json<Answer> {
                match order.pattern {
                    Pattern::Msg => order_by_message(bank, &order).await,
                    Pattern::Outbox => order_by_outbox(&bank, &bank.outbox, &order).await,
                    Pattern::AtCommit => order_by_outbox(&bank, &bank.outbox.at_commit(), &order).await,
                    Pattern::Saga => order_by_saga(bank, &order).await,
                    Pattern::Tcc => order_by_tcc(bank, &order).await,
                }
            }

            async fn order_by_saga(bank: Sender, order: &Order) -> Json<Answer> {
                let saga = bank.client.saga(bank.take.with(order)).and(bank.receive.with(order));
                let saga = saga.then(bank.check.with(order)).gid(order.gid.clone());
                told_of_saga(&order.gid, saga.run().await)
            }

            async fn order_by_tcc(bank: Sender, order: &Order) -> Json<Answer> {
                let tcc = bank.client.tcc().gid(order.gid.clone()).within(Duration::from_secs(3));
                let done = tcc.run(async |tcc| {
                    tcc.join((bank.hold.with(order), bank.expect.with(order))).await?;
                    if order.refusal == Refusal::AtTheEnd { Err(NotHeld::Decided) } else { Ok(()) }
                });
                told_of_tcc(&order.gid, done.await)
            }

            async fn order_by_message(bank: Sender, order: &Order) -> Json<Answer> {
                let message = bank.client.msg(bank.credit.with(order)).gid(order.gid.clone());
                told(message.do_and_submit(bank.prepared, &bank.db, async |tx| debit(tx, order).await).await)
            }

            async fn order_by_outbox(bank: &Sender, outbox: &Outbox<Bank>, order: &Order) -> Json<Answer> {
                let message = bank.client.msg(bank.credit.with(order)).gid(order.gid.clone());
                told(message.send_with(outbox, async |tx| debit(tx, order).await).await)
            }

            /// What a dead sender has left would be sent once its lease is over: the audit does not wait for that.
            async fn queue(State(db): State<Bank>, State(outbox): State<Outbox<Bank>>) -> Result<Json<Queue>, String> {
                let said = |error: sqlx::Error| error.to_string();
                let table = <Driver as BarrierDialect>::TABLE.outbox.name;
                let hurry = AssertSqlSafe(format!("UPDATE {table} SET due_ms = 0 WHERE state = 'waiting'"));
                sqlx::raw_sql(hurry).execute(db.pool()).await.map_err(said)?;
                let stuck = outbox.stuck().await.map_err(said)?.into_iter().map(|stuck| stuck.gid).collect();
                Ok(Json(Queue { waiting: outbox.status().await.map_err(said)?.waiting, stuck }))
            }

            async fn debit(tx: &mut Tx<Bank>, order: &Order) -> Result<(), Refused> {
                let Order { from, amount, gid, .. } = order;
                let taken = query($take).bind(amount).bind(from).bind(amount).execute(&mut *tx).await?.rows_affected();
                query($note).bind(gid.as_str()).bind(-amount).execute(&mut *tx).await?;
                if taken == 1 { Ok(()) } else { Err(Refused::NotEnoughMoney) }
            }

            async fn books(State(db): State<Bank>) -> Result<Json<Books>, String> {
                let said = |error: sqlx::Error| error.to_string();
                let mut tx = db.pool().begin().await.map_err(said)?;
                let balances: Vec<i64> = sqlx::query_scalar("SELECT balance FROM account")
                    .persistent(false)
                    .fetch_all(&mut *tx)
                    .await
                    .map_err(said)?;
                let lines = sqlx::query_as("SELECT gid, amount FROM book")
                    .persistent(false)
                    .fetch_all(&mut *tx)
                    .await
                    .map_err(said)?;
                Ok(Json(Books { balance: balances.iter().sum(), lines }))
            }

            pub(crate) async fn open(database: &str, surroundings: Surroundings) -> Result<Router, Failure> {
                let pool = $connect(database).await?;
                let mut tx = pool.begin().await?;
                for statement in $schema {
                    query(statement).execute(&mut *tx).await?;
                }
                for account in 0..ACCOUNTS {
                    query($insert_account).bind(account).bind(OPENING_BALANCE).execute(&mut *tx).await?;
                }
                tx.commit().await?;
                let db = Bank(pool);
                barrier::set_up(&db).await?;
                let hosts = Router::new().branch::<credit>().branch::<take>().branch::<put_back>();
                let hosts = hosts.branch::<receive>().branch::<give_back>().branch::<check>();
                let hosts = hosts.branch::<hold>().branch::<spend>().branch::<release>();
                let hosts = hosts.branch::<expect>().branch::<get_it>().branch::<forget>();
                let receives = hosts.route("/books", get(books)).with_state(db.clone());
                let Some(coordinator) = surroundings.coordinator else { return Ok(receives) };
                let client = Client::new(coordinator)?;
                let sender = Sender {
                    outbox: Outbox::start(&db, &client).await?,
                    db,
                    client,
                    prepared: at::<prepared>(&surroundings.url)?,
                    credit: at::<credit>(&surroundings.other)?,
                    take: at::<take>(&surroundings.url)?,
                    receive: at::<receive>(&surroundings.other)?,
                    check: at::<check>(&surroundings.other)?,
                    hold: at::<hold>(&surroundings.url)?,
                    expect: at::<expect>(&surroundings.other)?,
                };
                let sends = Router::new().route(ORDER, post(order)).route(OUTBOX, post(queue));
                let sends = sends.branch::<prepared>().with_state(sender);
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
