//! The banks on PostgreSQL. Money is `decimal(10,2)` in the table, and whole cents everywhere else.

use axum::extract::{FromRef, State};
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use branchwire::RecyclingPool;
use branchwire::prelude::*;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, Postgres};

use super::{Links, OPENING_BALANCE, OpenError, Sends, USER_A, USER_B, ready};
use crate::notary::{self, Notice};
use crate::transfer::{DebitError, Transfer, TransferIn, receipt, receipt_of_no_gid};

// Bank B: a branch.

/// The database of bank B.
#[derive(Clone, Database)]
pub struct BankB(RecyclingPool<Postgres>);

/// The branches that bank B hosts.
#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    /// Credits an account.
    #[msg_branch]
    pub async fn trans_in(tx: &mut Tx<BankB>, req: TransferIn) -> Result<(), Retry> {
        let sql = "UPDATE user_account SET balance = balance + $1 / 100.0, update_time = now() WHERE user_id = $2";
        let done = sqlx::query(sql).bind(req.amount).bind(req.user_id).execute(&mut *tx).await?;
        // It cannot refuse: the money has left the other bank. So it waits until there is such an account.
        if done.rows_affected() == 1 { Ok(()) } else { Err(Retry::new("no such account")) }
    }
}

/// Opens bank B.
pub async fn open_bank_b(database: &str) -> Result<Router, OpenError> {
    let db = ready(BankB(connect(database, USER_B).await?.into())).await?;
    Ok(bank_b::router().with_state(db))
}

// Bank A: a local transaction, and the message that goes with it.

/// The database of bank A.
#[derive(Clone, Database)]
pub struct BankA(RecyclingPool<Postgres>);

/// Bank A's query-prepared, for the coordinator.
#[branchwire::service("/api/bank-a")]
pub mod bank_a {
    use super::*;

    /// Has the local transaction of a transfer committed?
    #[query_prepared]
    pub fn transfer_prepared(db: BankA);
}

#[derive(Clone, FromRef)]
struct StateA {
    db: BankA,
    client: Client,
    prepared: QueryPrepared<BankA>,
    /// If it sends without prepare.
    outbox: Option<Outbox<BankA>>,
    bank_b: bank_b::Remote,
    notary: Option<notary::Remote>,
}

async fn transfer(State(bank): State<StateA>, Json(order): Json<Transfer>) -> Response {
    let Transfer { from, to, amount, .. } = order;
    for gid in order.gids() {
        let message = bank.client.msg(bank.bank_b.trans_in(&TransferIn { user_id: to, amount })).gid(gid);
        let notary = bank.notary.as_ref();
        let message = message.add_all(notary.map(|notary| notary.transferred(&Notice { from, to, amount })));
        let debit = async |tx: &mut Tx<BankA>| debit(tx, from, amount).await;
        let result = match &bank.outbox {
            Some(outbox) => message.send_with(outbox, debit).await,
            None => message.do_and_submit(bank.prepared.clone(), &bank.db, debit).await,
        };
        match result {
            // Refused earlier, under this gid: there may be money now.
            Err(NotDone::GivenUp { .. }) => {}
            result => return receipt(result),
        }
    }
    receipt_of_no_gid()
}

async fn debit(tx: &mut Tx<BankA>, user_id: i64, amount: i64) -> Result<(), DebitError> {
    let sql = "UPDATE user_account SET balance = balance - $1 / 100.0, update_time = now() \
         WHERE user_id = $2 AND balance >= $1 / 100.0";
    let done = sqlx::query(sql).bind(amount).bind(user_id).execute(&mut *tx).await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(DebitError::NotEnoughMoney) }
}

/// Opens bank A.
pub async fn open_bank_a(database: &str, links: Links) -> Result<Router, OpenError> {
    let db = ready(BankA(connect(database, USER_A).await?.into())).await?;
    let outbox = match links.sends {
        Sends::Prepared => None,
        Sends::ByOutbox => Some(Outbox::start(&db, &links.client).await?),
        Sends::AtCommit => Some(Outbox::start(&db, &links.client).await?.at_commit()),
    };
    let state = StateA {
        db,
        client: links.client,
        outbox,
        prepared: bank_a::at(links.bank_a)?.transfer_prepared(),
        bank_b: bank_b::at(links.bank_b)?,
        notary: links.notary.map(notary::at).transpose()?,
    };
    Ok(Router::new().route("/api/bank-a/transfer", post(transfer)).merge(bank_a::router()).with_state(state))
}

// The accounts.

async fn connect(database: &str, user_id: i64) -> Result<PgPool, sqlx::Error> {
    // A transaction of a branch begins on another connection if this one has died: so none is tested before, which would
    // cost a round trip.
    let pool = PgPoolOptions::new().test_before_acquire(false).connect(database).await?;
    // Both banks may open at once: they take turns, since IF NOT EXISTS alone does not make them.
    sqlx::raw_sql(
        "BEGIN;
        SELECT pg_advisory_xact_lock(hashtext('user_account'));
        CREATE TABLE IF NOT EXISTS user_account (
            user_id BIGINT PRIMARY KEY,
            balance DECIMAL(10,2) NOT NULL DEFAULT 0,
            trading_balance DECIMAL(10,2) NOT NULL DEFAULT 0,
            create_time TIMESTAMPTZ DEFAULT now(),
            update_time TIMESTAMPTZ DEFAULT now()
        );
        COMMIT",
    )
    .execute(&pool)
    .await?;
    sqlx::query("INSERT INTO user_account (user_id, balance) VALUES ($1, $2 / 100.0) ON CONFLICT DO NOTHING")
        .bind(user_id)
        .bind(OPENING_BALANCE)
        .execute(&pool)
        .await?;
    Ok(pool)
}
