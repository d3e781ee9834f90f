//! The two-phase message: a local transaction, and branches that are then certain to be called.
//!
//! DTM's word is msg. The local transaction and the promise to call the branches are one atom, though they live in two
//! systems: the message is prepared first; the local transaction leaves a barrier row; and if its process dies before it
//! has submitted, the coordinator asks query-prepared, which looks for that row.

use std::time::Duration;

use crate::barrier::{self, BarrierDb, BarrierKey, BarrierTx, Entry};
use crate::branch::{MsgBranch, QueryPrepared};
use crate::client::{Client, ClientError, Submit};
use crate::protocol::{Gid, Step, TransType, Transaction, TransactionOptions};
use crate::{CommitError, Database, Prepared, Tx};

/// A message that is being put together: at least one branch, and how to carry it out.
///
/// Made by [`Client::msg`]; sent once, by [`do_and_submit`](Self::do_and_submit) or [`submit`](Self::submit).
///
/// Times are handed on in whole seconds, rounded up.
#[derive(Debug)]
#[must_use = "a message does nothing until it is sent: `.do_and_submit(..)` or `.submit()`"]
pub struct Msg {
    client: Client,
    gid: Option<Gid>,
    branches: Vec<MsgBranch>,
    delay_s: i64,
    options: TransactionOptions,
}

/// A list of branches that is empty: such a message would do nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message needs at least one branch")]
pub struct NoBranches;

/// What a message that was sent has led to. It is not to be repeated: it has committed, or may have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "it says whether the coordinator has heard of the message"]
pub enum Done<T> {
    /// Committed here, and the coordinator has acknowledged it: every branch will be applied.
    Submitted {
        /// The message's gid.
        gid: Gid,
        /// What the business returned.
        value: T,
        /// Whether every branch has been applied already. Known only with [`Msg::wait_result`].
        finished: bool,
    },
    /// Committed here, and the coordinator has not acknowledged it yet. It will ask query-prepared, and every branch
    /// will be applied: no error, and nothing to do.
    Committed {
        /// The message's gid.
        gid: Gid,
        /// What the business returned.
        value: T,
    },
    /// Committed here, but someone has ended the message at the coordinator meanwhile (a forced stop, an abort by hand), so
    /// that its branches will not be called. Needs a person: nothing repairs it by itself.
    Stopped {
        /// The message's gid.
        gid: Gid,
        /// What the business returned.
        value: T,
    },
    /// Whether it has committed is not known yet. The coordinator will find out from query-prepared and complete it or
    /// drop it; [`Client::query`] tells once it has.
    Unknown {
        /// The message's gid.
        gid: Gid,
    },
}

impl<T> Done<T> {
    /// The message's gid.
    pub fn gid(&self) -> &Gid {
        match self {
            Self::Submitted { gid, .. }
            | Self::Committed { gid, .. }
            | Self::Stopped { gid, .. }
            | Self::Unknown { gid } => gid,
        }
    }
}

/// Why a message was not sent. In every case nothing has happened, and it may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum NotDone<E> {
    /// It was not begun: the business has not run.
    #[error("the message was not started")]
    NotStarted(#[source] NotStarted),
    /// The business said no. Its transaction is rolled back, and no branch will be called.
    #[error("the business refused: rolled back")]
    RolledBack(E),
    /// The business said yes, but its transaction could not be committed: rolled back, and no branch will be called.
    #[error("the local transaction could not be committed: rolled back")]
    NotCommitted(#[source] CommitError),
}

/// Why a message was not begun.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// A payload cannot be written as JSON.
    #[error("the payload of branch {number} cannot be written as JSON")]
    Payload {
        /// Which branch, from 1.
        number: usize,
        /// What serde says.
        source: serde_json::Error,
    },
    /// The client is to sign its messages, and this one cannot be signed: it has too many branches, say.
    #[error("the message cannot be signed")]
    Unsignable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The coordinator did not take it.
    #[error("the coordinator did not take the message")]
    Coordinator(#[source] ClientError),
    /// The database did not begin the local transaction.
    #[error("the database did not begin the local transaction")]
    Database(#[source] sqlx::Error),
    /// This gid was used before: its local transaction has committed earlier, or was given up.
    ///
    /// What became of it, [`Client::query`] tells.
    #[error("the gid {gid} was used before")]
    Duplicate {
        /// The gid.
        gid: Gid,
    },
}

impl Client {
    /// A message to this branch, and to those that are [added](Msg::add).
    pub fn msg(&self, first: MsgBranch) -> Msg {
        Msg::new(self, vec![first])
    }

    /// A message to a computed list of branches.
    ///
    /// # Errors
    /// [`NoBranches`] if there are none.
    pub fn msg_all(&self, branches: impl IntoIterator<Item = MsgBranch>) -> Result<Msg, NoBranches> {
        let branches: Vec<_> = branches.into_iter().collect();
        if branches.is_empty() { Err(NoBranches) } else { Ok(Msg::new(self, branches)) }
    }
}

impl Msg {
    fn new(client: &Client, branches: Vec<MsgBranch>) -> Self {
        Self { client: client.clone(), gid: None, branches, delay_s: 0, options: TransactionOptions::default() }
    }

    /// Adds a branch, called after those before it (or at once with them, if [`concurrent`](Self::concurrent)).
    #[expect(clippy::should_implement_trait, reason = "the word of the protocol; a message is no number")]
    pub fn add(mut self, next: MsgBranch) -> Self {
        self.branches.push(next);
        self
    }

    /// [Adds](Self::add) each of these, in their order; an [`Option`] is one or none.
    pub fn add_all(mut self, next: impl IntoIterator<Item = MsgBranch>) -> Self {
        self.branches.extend(next);
        self
    }

    /// Names the message. Without this it gets [`Gid::random`].
    ///
    /// A gid that comes from the business (an order's number) makes a repetition of the whole message harmless: the
    /// second one is told that it is a duplicate.
    pub fn gid(mut self, gid: Gid) -> Self {
        self.gid = Some(gid);
        self
    }

    /// Holds the branches back for this long after the message was prepared.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay_s = whole_seconds(delay);
        self
    }

    /// Calls all branches at once instead of one after another.
    pub fn concurrent(mut self) -> Self {
        self.options.concurrent = true;
        self
    }

    /// Waits for one run over all branches before it returns, and says whether that was enough.
    pub fn wait_result(mut self) -> Self {
        self.options.wait_result = true;
        self
    }

    /// How old a prepared message gets before the coordinator asks query-prepared. The coordinator's own: 35 s with DTM.
    ///
    /// Longer than the local transaction can take; asking earlier does no harm but costs a call.
    pub fn timeout_to_fail(mut self, timeout: Duration) -> Self {
        self.options.timeout_to_fail = whole_seconds(timeout);
        self
    }

    /// How long to wait before calling a branch again that gave no clear answer; doubles each time. DTM's own: 10 s.
    pub fn retry_interval(mut self, interval: Duration) -> Self {
        self.options.retry_interval = whole_seconds(interval);
        self
    }

    /// How long one call to a branch may take. DTM's own: 3 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.options.request_timeout = whole_seconds(timeout);
        self
    }

    /// A header that the coordinator sends with every call to a branch and to query-prepared.
    pub fn branch_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.branch_headers.get_or_insert_default().insert(name.into(), value.into());
        self
    }

    /// Sends the message without a local transaction: every branch will be applied.
    ///
    /// # Errors
    /// [`NotDone::NotStarted`]: nothing has happened. Where the coordinator has not answered, it is asked once more; if
    /// that does not tell either, the result is [`Done::Unknown`].
    pub async fn submit(self) -> Result<Done<()>, NotDone<std::convert::Infallible>> {
        let (client, gid, transaction) = self.into_transaction(String::new()).map_err(NotDone::NotStarted)?;
        match client.submit_or_query(&transaction).await {
            Submit::Acknowledged { finished } => Ok(Done::Submitted { gid, value: (), finished }),
            Submit::Ended => Err(NotDone::NotStarted(NotStarted::Duplicate { gid })),
            Submit::NotTaken(error) => Err(NotDone::NotStarted(NotStarted::Coordinator(error))),
            Submit::Unknown(error) => {
                tracing::warn!(%gid, error = &error as &dyn std::error::Error, "not known whether it was submitted");
                Ok(Done::Unknown { gid })
            }
        }
    }

    /// Runs `business` in a transaction of `db`, and sends the message if, and only if, it commits.
    ///
    /// DTM's word: `DoAndSubmit`. `query_prepared` is the address where the coordinator can ask about a transaction in the
    /// same database; the types see to that. `business` runs once, and gets the transaction; on its error everything is
    /// rolled back.
    ///
    /// It returns a [`Done`] for whatever has committed or may have, and an error only where nothing has happened: so a
    /// caller who uses `?` never repeats what has committed. A future of this that is dropped half-way leaves the rest to
    /// the coordinator.
    ///
    /// # Errors
    /// [`NotDone`]: nothing has happened.
    pub async fn do_and_submit<D, T, E, F>(
        self,
        query_prepared: QueryPrepared<D>,
        db: &D,
        business: F,
    ) -> Result<Done<T>, NotDone<E>>
    where
        D: Database,
        F: AsyncFnOnce(&mut Tx<D>) -> Result<T, E>,
    {
        do_and_submit(self, query_prepared.url, db, business).await
    }

    /// The message as the coordinator takes it.
    fn into_transaction(self, query_prepared: String) -> Result<(Client, Gid, Transaction), NotStarted> {
        let Self { client, gid, branches, delay_s, options } = self;
        let gid = gid.unwrap_or_else(Gid::random);
        let (mut steps, mut payloads) = (Vec::new(), Vec::new());
        for (number, branch) in (1..).zip(branches) {
            steps.push(Step { action: branch.action, ..Step::default() });
            payloads.push(branch.payload.map_err(|source| NotStarted::Payload { number, source })?);
        }
        let mut transaction = Transaction {
            gid: gid.to_string(),
            trans_type: TransType::Msg.to_string(),
            steps: Some(steps),
            payloads: Some(payloads),
            query_prepared,
            custom_data: if delay_s == 0 { String::new() } else { format!("{{\"delay\":{delay_s}}}") },
            options,
            ..Transaction::default()
        };
        client.seal(&mut transaction).map_err(NotStarted::Unsignable)?;
        Ok((client, gid, transaction))
    }
}

/// [`Msg::do_and_submit`], on any database that has a barrier.
///
/// # Errors
/// [`NotDone`]: nothing has happened.
#[doc(hidden)]
pub async fn do_and_submit<B, T, E, F>(
    message: Msg,
    query_prepared: String,
    db: &B,
    business: F,
) -> Result<Done<T>, NotDone<E>>
where
    B: BarrierDb,
    F: AsyncFnOnce(&mut B::Tx) -> Result<T, E>,
{
    let (client, gid, transaction) = message.into_transaction(query_prepared).map_err(NotDone::NotStarted)?;
    client.prepare(&transaction).await.map_err(|error| NotDone::NotStarted(NotStarted::Coordinator(error)))?;

    let mut tx = enter(db, &gid).await.map_err(NotDone::NotStarted)?;
    let (in_doubt, not_done) = match business(&mut tx).await {
        Ok(value) => match tx.commit().await {
            Ok(()) => return Ok(hand_over(&client, gid, &transaction, value).await),
            // Whichever of the two it is: where it has not committed, that is because the database did not.
            Err(CommitError::Unknown(error)) => (Some(value), NotDone::NotCommitted(CommitError::Refused(error))),
            Err(error) => (None, NotDone::NotCommitted(error)),
        },
        Err(error) => {
            tx.rollback().await;
            (None, NotDone::RolledBack(error))
        }
    };
    // Asked also where the rollback is certain: the row that it leaves keeps another call with the same gid from
    // committing after the abort.
    match (barrier::query_prepared(db, &gid).await, in_doubt) {
        (Ok(Prepared::Committed), Some(value)) => Ok(hand_over(&client, gid, &transaction, value).await),
        (Ok(Prepared::RolledBack), _) => {
            if let Err(error) = client.abort(&transaction).await {
                tracing::info!(%gid, error = &error as &dyn std::error::Error, "not aborted; the coordinator will ask");
            }
            Err(not_done)
        }
        (_, Some(_)) => Ok(Done::Unknown { gid }),
        (_, None) => Err(not_done),
    }
}

/// Begins the local transaction, behind its barrier.
async fn enter<B: BarrierDb>(db: &B, gid: &Gid) -> Result<B::Tx, NotStarted> {
    let (tx, entry) = barrier::enter(db, &BarrierKey::local(gid.clone())).await.map_err(NotStarted::Database)?;
    match entry {
        Entry::Run => Ok(tx),
        // No abort here: an earlier call of this gid may have committed and not be submitted yet.
        Entry::Repeat | Entry::NothingToUndo => {
            tx.rollback().await;
            Err(NotStarted::Duplicate { gid: gid.clone() })
        }
    }
}

/// Tells the coordinator that the local transaction has committed.
async fn hand_over<T>(client: &Client, gid: Gid, transaction: &Transaction, value: T) -> Done<T> {
    match client.submit_or_query(transaction).await {
        Submit::Acknowledged { finished } => Done::Submitted { gid, value, finished },
        Submit::Ended => {
            tracing::error!(%gid, "the local transaction has committed, but the message was ended at the coordinator");
            Done::Stopped { gid, value }
        }
        Submit::NotTaken(error) | Submit::Unknown(error) => {
            tracing::info!(%gid, error = &error as &dyn std::error::Error, "not submitted; the coordinator will ask");
            Done::Committed { gid, value }
        }
    }
}

/// Seconds for the wire, rounded up; at least 1, since 0 stands for the coordinator's own setting.
fn whole_seconds(duration: Duration) -> i64 {
    let up = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    i64::try_from(up.max(1)).unwrap_or(i64::MAX)
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use futures_core::future::BoxFuture;
    use http::{Request, Response};
    use sqlx::SqlitePool;

    use super::*;
    use crate::client::{Channel, ChannelError};
    use crate::{ServiceUrl, barrier};

    #[derive(Clone)]
    struct Bank(SqlitePool);

    impl Database for Bank {
        type Driver = sqlx::Sqlite;

        fn pool(&self) -> &SqlitePool {
            &self.0
        }
    }

    impl Bank {
        async fn open(dir: &tempfile::TempDir) -> Self {
            let options =
                sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("bank.db")).create_if_missing(true);
            let bank = Self(SqlitePool::connect_with(options).await.unwrap());
            barrier::create_table(&bank).await.unwrap();
            assert_eq!(barrier::check(&bank).await.unwrap(), []);
            sqlx::query("CREATE TABLE account (balance INTEGER)").execute(&bank.0).await.unwrap();
            sqlx::query("INSERT INTO account VALUES (1000)").execute(&bank.0).await.unwrap();
            bank
        }

        async fn balance(&self) -> i64 {
            sqlx::query_scalar("SELECT balance FROM account").fetch_one(&self.0).await.unwrap()
        }
    }

    /// A coordinator of one message: it answers by script, and keeps what it was asked.
    #[derive(Clone, Default)]
    struct Scripted {
        /// Call -> status and body; what is not named succeeds. Status 0: no answer. 1: not sent.
        answers: Vec<(&'static str, u16, &'static str)>,
        calls: Arc<Mutex<Vec<String>>>,
    }

    impl Scripted {
        fn client(answers: &[(&'static str, u16, &'static str)]) -> (Client, Self) {
            let this = Self { answers: answers.to_vec(), ..Self::default() };
            (Client::with_channel(this.clone()), this)
        }

        fn calls(&self) -> String {
            self.calls.lock().unwrap().join(" ")
        }
    }

    impl Channel for Scripted {
        fn exchange(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
            let call = request.uri().path().rsplit('/').next().unwrap().to_owned();
            let script = self.answers.iter().find(|(name, ..)| *name == call);
            let &(_, status, body) = script.unwrap_or(&("", 200, r#"{"dtm_result":"SUCCESS"}"#));
            self.calls.lock().unwrap().push(call);
            Box::pin(async move {
                match status {
                    0 => Err(ChannelError::NoAnswer("cut".into())),
                    1 => Err(ChannelError::NotSent("refused".into())),
                    _ => Ok(Response::builder().status(status).body(Bytes::from_static(body.as_bytes())).unwrap()),
                }
            })
        }
    }

    fn service() -> ServiceUrl {
        ServiceUrl::new("http://bank-b").unwrap()
    }

    fn branch() -> MsgBranch {
        MsgBranch::with_payload(&service(), "/in", &30)
    }

    fn prepared() -> QueryPrepared<Bank> {
        QueryPrepared::new(&service(), "/prepared")
    }

    async fn debit(tx: &mut Tx<Bank>) -> Result<&'static str, sqlx::Error> {
        sqlx::query("UPDATE account SET balance = balance - 30").execute(&mut *tx).await?;
        Ok("debited")
    }

    const NOTHING_THERE: &str = r#"{"transaction":null,"branches":[]}"#;
    const PREPARED: &str = r#"{"transaction":{"gid":"g","status":"prepared"},"branches":[]}"#;
    const SUBMITTED: &str = r#"{"transaction":{"gid":"g","status":"submitted"},"branches":[]}"#;
    const FAILED: &str = r#"{"transaction":{"gid":"g","status":"failed"},"branches":[]}"#;

    #[tokio::test]
    async fn what_committed_is_never_reported_as_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let bank = Bank::open(&dir).await;
        for (n, (answers, expected)) in (1_i64..).zip([
            (vec![], "submitted"),
            (vec![("submit", 1, "")], "committed"),
            (vec![("submit", 0, ""), ("query", 1, "")], "committed"),
            (vec![("submit", 0, ""), ("query", 200, SUBMITTED)], "submitted"),
            (vec![("submit", 500, ""), ("query", 200, PREPARED)], "committed"),
            (vec![("submit", 500, ""), ("query", 0, "")], "committed"),
            (vec![("submit", 425, "ONGOING")], "submitted"),
            (vec![("submit", 409, "FAILURE"), ("query", 200, SUBMITTED)], "submitted"),
            (vec![("submit", 409, "FAILURE"), ("query", 200, FAILED)], "stopped"),
        ]) {
            let (client, _) = Scripted::client(&answers);
            let done = client.msg(branch()).do_and_submit(prepared(), &bank, debit).await.unwrap();
            let was = match done {
                Done::Submitted { value: "debited", finished: false, .. } => "submitted",
                Done::Committed { value: "debited", .. } => "committed",
                Done::Stopped { value: "debited", .. } => "stopped",
                other => panic!("{other:?}"),
            };
            assert_eq!(was, expected, "{answers:?}");
            assert_eq!(bank.balance().await, 1000 - 30 * n);
        }
    }

    #[tokio::test]
    async fn a_message_that_is_not_prepared_runs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let bank = Bank::open(&dir).await;
        for status in [0, 1, 409, 500] {
            let (client, coordinator) = Scripted::client(&[("prepare", status, "")]);
            let result = client.msg(branch()).do_and_submit(prepared(), &bank, debit).await;
            assert!(matches!(result, Err(NotDone::NotStarted(NotStarted::Coordinator(_)))), "{result:?}");
            assert_eq!(coordinator.calls(), "prepare");
        }
        assert_eq!(bank.balance().await, 1000);
    }

    #[tokio::test]
    async fn a_refusal_comes_back_with_its_own_error_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let bank = Bank::open(&dir).await;
        let (client, coordinator) = Scripted::client(&[]);
        let result = client
            .msg(branch())
            .do_and_submit(prepared(), &bank, async |tx| {
                debit(tx).await.unwrap();
                Err::<(), _>("not enough money")
            })
            .await;
        assert!(matches!(result, Err(NotDone::RolledBack("not enough money"))), "{result:?}");
        assert_eq!(coordinator.calls(), "prepare abort");
        assert_eq!(bank.balance().await, 1000);
    }

    #[tokio::test]
    async fn a_statement_whose_error_was_ignored_never_commits() {
        let dir = tempfile::tempdir().unwrap();
        let bank = Bank::open(&dir).await;
        let (client, coordinator) = Scripted::client(&[]);
        let result = client
            .msg(branch())
            .do_and_submit(prepared(), &bank, async |tx| {
                debit(tx).await?;
                let ignored = sqlx::query("UPDATE nowhere SET x = 1").execute(&mut *tx).await;
                assert!(ignored.is_err());
                Ok::<_, sqlx::Error>(())
            })
            .await;
        assert!(matches!(result, Err(NotDone::NotCommitted(CommitError::Failed(_)))), "{result:?}");
        assert_eq!(coordinator.calls(), "prepare abort");
        assert_eq!(bank.balance().await, 1000);
    }

    #[tokio::test]
    async fn a_gid_that_was_used_is_a_duplicate_and_is_not_aborted() {
        let dir = tempfile::tempdir().unwrap();
        let bank = Bank::open(&dir).await;
        let gid = Gid::new("order-1").unwrap();
        let (client, _) = Scripted::client(&[("submit", 0, ""), ("query", 200, PREPARED)]);
        let first = client.msg(branch()).gid(gid.clone()).do_and_submit(prepared(), &bank, debit).await.unwrap();
        assert!(matches!(first, Done::Committed { .. }));
        let (client, coordinator) = Scripted::client(&[]);
        let second = client.msg(branch()).gid(gid).do_and_submit(prepared(), &bank, debit).await;
        assert!(matches!(second, Err(NotDone::NotStarted(NotStarted::Duplicate { .. }))), "{second:?}");
        assert_eq!(coordinator.calls(), "prepare", "an abort would undo the promise of the first");
        assert_eq!(bank.balance().await, 970);
    }

    #[tokio::test]
    async fn a_local_transaction_that_query_prepared_gave_up_can_no_longer_commit() {
        let dir = tempfile::tempdir().unwrap();
        let bank = Bank::open(&dir).await;
        let gid = Gid::random();
        assert_eq!(barrier::query_prepared(&bank, &gid).await.unwrap(), Prepared::RolledBack);
        let (client, _) = Scripted::client(&[]);
        let result = client.msg(branch()).gid(gid).do_and_submit(prepared(), &bank, debit).await;
        assert!(matches!(result, Err(NotDone::NotStarted(NotStarted::Duplicate { .. }))), "{result:?}");
        assert_eq!(bank.balance().await, 1000);
    }

    #[tokio::test]
    async fn a_payload_that_is_no_json_is_said_before_anything_is_sent() {
        let (client, coordinator) = Scripted::client(&[]);
        let odd = std::collections::HashMap::from([((1, 2), 3)]);
        let odd = MsgBranch::with_payload(&service(), "/in", &odd);
        let result = client.msg(branch()).add_all(None).add(branch()).add_all([odd]).submit().await;
        assert!(matches!(result, Err(NotDone::NotStarted(NotStarted::Payload { number: 3, .. }))), "{result:?}");
        assert_eq!(coordinator.calls(), "");
    }

    #[tokio::test]
    async fn a_submit_without_an_answer_is_unknown_and_one_that_was_not_sent_is_not_started() {
        let (client, _) = Scripted::client(&[("submit", 0, ""), ("query", 0, "")]);
        assert!(matches!(client.msg(branch()).submit().await, Ok(Done::Unknown { .. })));
        // Not there yet: it may still come.
        for status in [0, 502, 504] {
            let (client, _) = Scripted::client(&[("submit", status, ""), ("query", 200, NOTHING_THERE)]);
            assert!(matches!(client.msg(branch()).submit().await, Ok(Done::Unknown { .. })), "{status}");
        }
        let (client, _) = Scripted::client(&[("submit", 500, ""), ("query", 200, NOTHING_THERE)]);
        assert!(matches!(client.msg(branch()).submit().await, Err(NotDone::NotStarted(_))));
        let (client, _) = Scripted::client(&[("submit", 1, "")]);
        assert!(matches!(client.msg(branch()).submit().await, Err(NotDone::NotStarted(_))));
        let (client, _) = Scripted::client(&[]);
        let done = client.msg(branch()).wait_result().submit().await;
        assert!(matches!(done, Ok(Done::Submitted { finished: true, .. })));
    }

    /// Compiles only if the future can be sent between threads, as axum wants it.
    #[tokio::test]
    async fn a_message_can_be_sent_from_a_spawned_task() {
        let dir = tempfile::tempdir().unwrap();
        let bank = Bank::open(&dir).await;
        let (client, _) = Scripted::client(&[]);
        let task = tokio::spawn(async move {
            let amount = 30_i64;
            let done = client.msg(branch()).do_and_submit(prepared(), &bank, async |tx| {
                sqlx::query("UPDATE account SET balance = balance - ?").bind(amount).execute(&mut *tx).await?;
                Ok::<_, sqlx::Error>(())
            });
            done.await.is_ok()
        });
        assert!(task.await.unwrap());
    }

    #[test]
    fn seconds_are_rounded_up_and_never_zero() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
        assert_eq!(whole_seconds(Duration::MAX), i64::MAX);
    }
}
