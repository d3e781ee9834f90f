//! The services: banks whose branches, query-prepared and local transactions run on the real barrier.
//!
//! A branch adds an amount to an account: an action, or a try. What undoes it takes the amount away again. A confirm leaves
//! the account as it is.

use std::sync::Arc;

use branchwire::barrier::{QueryPreparedError, query_prepared};
use branchwire::protocol::{BranchId, Gid, LOCAL_BRANCH, Op, TransType};
use branchwire::simulation::{ATTEMPTS_MAX, AttemptError, BarrierKey, Business, apply};
use branchwire::{BranchError, Prepared, Reply, Retry};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::database::{Connection, Database, Effect, Transaction};
use super::fate::{Fate, Fault};
use super::network::{Handler, Request, answer};
use super::process::Life;

/// What a branch is asked for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Asked {
    /// How much.
    pub(super) amount: i64,
    /// Whether it refuses, if it may.
    pub(super) refuses: bool,
}

/// What a bank does with requests to its routes.
pub(super) fn handler(fate: &Arc<Fate>, database: &Arc<Database>, life: &Life) -> Handler {
    let (fate, connection) = (fate.clone(), database.connect(life));
    Arc::new(move |request| {
        let (fate, connection) = (fate.clone(), connection.clone());
        async move {
            let reply = match key(&request) {
                None => Reply::BadCall,
                Some(key) if key.branch_id.as_str() == LOCAL_BRANCH => ask(&connection, &key.gid).await,
                Some(key) => serve(&fate, &connection, key, &request.body).await,
            };
            answer(reply.status().as_u16(), reply.body().as_bytes())
        }
        .boxed()
    })
}

fn key(request: &Request) -> Option<BarrierKey> {
    let query = request.uri.query()?;
    let value = |name: &str| url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, v)| v);
    Some(BarrierKey {
        gid: Gid::new(value("gid")?).ok()?,
        branch_id: BranchId::new(value("branch_id")?).ok()?,
        op: value("op")?.parse::<Op>().ok()?,
        trans_type: value("trans_type")?.parse::<TransType>().ok()?,
    })
}

async fn ask(connection: &Connection, gid: &Gid) -> Reply {
    match query_prepared(connection, gid).await {
        Ok(Prepared::Committed) => Reply::Success,
        Ok(Prepared::RolledBack) => Reply::Refused,
        Ok(Prepared::Ongoing) | Err(QueryPreparedError::Ongoing(_)) => Reply::Ongoing,
        Err(_) => Reply::Retry,
    }
}

async fn serve(fate: &Arc<Fate>, connection: &Connection, key: BarrierKey, body: &[u8]) -> Reply {
    let Ok(Asked { amount, refuses }) = serde_json::from_slice(body) else { return Reply::BadPayload };
    let (amount, refuses) = match key.op {
        Op::Action | Op::Try => (amount, refuses),
        Op::Compensate | Op::Cancel => (-amount, false),
        Op::Confirm => (0, false),
        Op::Commit | Op::Rollback | Op::Msg | Op::Named(_) => return Reply::BadCall,
    };
    let (gid, branch_id) = (key.gid.to_string(), key.branch_id.to_string());
    let effect = Effect { gid, branch_id, op: key.op.clone(), run: 0, amount, at: 0 };
    for _ in 0..ATTEMPTS_MAX {
        let (fate, effect) = (fate.clone(), effect.clone());
        let business: Business<Transaction> = Box::new(move |tx| work(tx, fate, effect, refuses));
        match apply(connection, &key, business).await {
            Ok(reply) => return reply,
            Err(AttemptError::Transient(_)) => {}
            Err(AttemptError::Permanent(_)) => return Reply::Retry,
        }
    }
    Reply::Retry
}

fn work(
    tx: &mut Transaction,
    fate: Arc<Fate>,
    effect: Effect,
    refuses: bool,
) -> BoxFuture<'_, Result<(), BranchError>> {
    async move {
        if fate.happens(Fault::BusinessFails) {
            return Err(Retry::new("simulated").into());
        }
        tx.apply(effect).await?;
        // Also after it has changed something.
        if fate.happens(Fault::BusinessFails) {
            return Err(Retry::new("simulated").into());
        }
        if refuses {
            return Err(BranchError::refuse("simulated"));
        }
        Ok(())
    }
    .boxed()
}
