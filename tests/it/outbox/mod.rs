//! Messages that are sent by an outbox, on three databases, with a coordinator in the test's own process.

mod doubt;
mod pooled;
mod relay;
mod repeated;
mod sender;
mod silence;
mod statements;

use std::time::Duration;

use branchwire::simulation::{OutboxDb, OutboxRecord};
use branchwire::{Client, Database, Done, Gid, MsgBranch, NotDone, Outbox, Tx};
use branchwire_coordinator::Retention;
use branchwire_coordinator::testing::{Services, TestCoordinator};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver, OTHER_ACCOUNT};
use branchwire_tests::service::Service;

/// A bank whose orders take from one account, and whose branch gives to the other.
struct Shop<DB: BankDriver> {
    bank: Bank<DB>,
    coordinator: TestCoordinator,
    client: Client,
}

impl<DB: BankDriver> Shop<DB> {
    async fn on(bank: Bank<DB>) -> Self {
        Self::with_retention(bank, Retention::ForEver).await
    }

    /// With a coordinator that keeps what has ended for so long.
    async fn with_retention(bank: Bank<DB>, retention: Retention) -> Self {
        let services = Services::default();
        let receive =
            Service::new(&bank, |tx, amount| Box::pin(async move { Ok(DB::credit(tx, OTHER_ACCOUNT, amount).await?) }));
        services.host("http://bank-b", receive.router());
        let coordinator = TestCoordinator::start_with(services, move |builder| builder.retention(retention)).await;
        let client = coordinator.client();
        Self { bank, coordinator, client }
    }

    async fn outbox(&self) -> Outbox<Bank<DB>> {
        Outbox::start(&self.bank, &self.client).await.unwrap()
    }

    fn branch(amount: i64) -> MsgBranch {
        MsgBranch::url("http://bank-b/branch", &amount).unwrap()
    }

    /// Orders; the business waits, and then pays or refuses.
    async fn order_when(
        &self,
        outbox: &Outbox<Bank<DB>>,
        gid: &Gid,
        amount: i64,
        business: impl AsyncFnOnce() -> bool,
    ) -> Result<Done<()>, NotDone<String>> {
        let pay = async |tx: &mut Tx<Bank<DB>>| {
            DB::credit(tx, ACCOUNT, -amount).await.map_err(|error| error.to_string())?;
            if business().await { Ok(()) } else { Err("not enough money".to_owned()) }
        };
        self.client.msg(Self::branch(amount)).gid(gid.clone()).send_with(outbox, pay).await
    }

    async fn order(&self, outbox: &Outbox<Bank<DB>>, gid: &Gid, amount: i64) -> Result<Done<()>, NotDone<String>> {
        self.order_when(outbox, gid, amount, async || true).await
    }

    /// The row of this gid.
    async fn row(&self, gid: &Gid) -> Option<OutboxRecord> {
        self.bank.durable_message(gid).await.unwrap()
    }

    /// Makes the row of this gid older, and due by as much earlier.
    async fn age(&self, gid: &Gid, by: Duration) {
        let ms = by.as_millis();
        let sql = format!(
            "UPDATE {} SET created_ms = created_ms - {ms}, due_ms = due_ms - {ms} WHERE gid = '{gid}'",
            DB::TABLE.outbox.name
        );
        DB::execute_outside(self.bank.pool(), &sql).await.unwrap();
    }

    /// The amounts that one account has given and the other one has received.
    async fn balances(&self) -> (i64, i64) {
        (self.bank.balance(ACCOUNT).await, self.bank.balance(OTHER_ACCOUNT).await)
    }
}
