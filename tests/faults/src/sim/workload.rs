//! The clients' orders of messages: transfers.

use std::time::Duration;

use branchwire::msg::Msg;
use branchwire::protocol::Op;
use branchwire::simulation::{do_and_submit, do_and_submit_with_retries, send_with};
use branchwire::{Client, Done, Gid, MsgBranch, NotDone, Outbox};
use tokio::time::sleep;

use super::Bug;
use super::bank::Asked;
use super::database::{Connection, Effect};
use super::fate::Fate;
use super::told::Told;

/// One ordered message.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other, and drawn one by one")]
pub struct Transfer {
    /// Its name.
    pub gid: String,
    /// The host of each branch, and what it is to get.
    pub branches: Vec<(&'static str, i64)>,
    /// Whether the branches are called at once.
    pub concurrent: bool,
    /// Whether there is a local transaction.
    pub local: bool,
    /// Whether the business refuses.
    pub refuses: bool,
    /// Whether the client waits for the end of the run.
    pub waits: bool,
    /// Whether the business may be repeated after a conflict.
    pub repeats: bool,
    /// How long the business takes.
    pub business: Duration,
    /// Seconds.
    pub timeout_to_fail: u64,
    /// Seconds.
    pub retry_interval: u64,
    /// Seconds by which the branches are held back.
    pub delay: u64,
    /// Whether the client is answered at the commit of its local transaction, if an outbox sends it.
    pub at_commit: bool,
}

impl Transfer {
    /// One by chance.
    pub fn draw(fate: &Fate, number: u64) -> Self {
        let hosts = ["bank-b", "bank-c"];
        let count = [1, 1, 2, 2, 3][usize::try_from(fate.below(5)).unwrap_or(0)];
        let mut branches = Vec::new();
        for _ in 0..count {
            branches.push((hosts[usize::from(fate.chance(50))], i64::try_from(fate.below(100)).unwrap_or(0) + 1));
        }
        Self {
            gid: format!("g{number}"),
            branches,
            concurrent: fate.chance(30),
            local: fate.chance(85),
            refuses: fate.chance(15),
            waits: fate.chance(20),
            business: if fate.chance(80) { Duration::ZERO } else { fate.between(0, 8000) },
            timeout_to_fail: fate.below(8) + 1,
            retry_interval: fate.below(4) + 1,
            delay: if fate.chance(85) { 0 } else { fate.below(20) },
            repeats: fate.chance(50),
            at_commit: fate.chance(50),
        }
    }

    /// What the sender pays in all.
    pub fn sum(&self) -> i64 {
        self.branches.iter().map(|(_, amount)| amount).sum()
    }

    fn message(&self, client: &Client) -> Msg {
        let branches = self.branches.iter().map(|(host, amount)| {
            MsgBranch::url(&format!("http://{host}/trans-in"), &Asked { amount: *amount, refuses: false })
                .expect("an address")
        });
        let mut message = client.msg_all(branches).expect("at least one branch");
        message = message.gid(Gid::new(self.gid.clone()).expect("a letter and a number"));
        message = message.timeout_to_fail(Duration::from_secs(self.timeout_to_fail));
        message = message.retry_interval(Duration::from_secs(self.retry_interval));
        if self.concurrent {
            message = message.concurrent();
        }
        if self.waits {
            message = message.wait_result();
        }
        if self.delay > 0 {
            message = message.delay(Duration::from_secs(self.delay));
        }
        message
    }

    /// Sends it, by this outbox if there is one; `run` is the number of those that send it.
    pub(super) async fn send(
        &self,
        client: &Client,
        bank: &Connection,
        outbox: Option<&Outbox<Connection>>,
        run: u32,
        bug: Option<Bug>,
    ) -> Told {
        let message = self.message(client);
        let told = if self.local {
            let (gid, branch_id) = (self.gid.clone(), "00".to_owned());
            let effect = Effect { gid, branch_id, op: Op::Msg, run, amount: -self.sum(), at: 0 };
            let business = async |tx: &mut super::database::Transaction| {
                tx.apply(effect.clone()).await.map_err(|_| ())?;
                sleep(self.business).await;
                if self.refuses { Err(()) } else { Ok(()) }
            };
            let prepared = "http://bank-a/prepared".to_owned();
            if let Some(outbox) = outbox {
                let outbox = if self.at_commit { outbox.at_commit() } else { outbox.clone() };
                of(&send_with(message, &outbox, business).await)
            } else if self.repeats {
                of(&do_and_submit_with_retries(message, prepared, bank, business).await)
            } else {
                of(&do_and_submit(message, prepared, bank, business).await)
            }
        } else {
            of(&message.submit().await)
        };
        match told {
            Told::GivenUp if bug == Some(Bug::GiveUpToldAsRepetition) => Told::Repeated { finished: false },
            told => told,
        }
    }
}

fn of<T, E>(result: &Result<Done<T>, NotDone<E>>) -> Told {
    match result {
        Ok(Done::Submitted { finished, .. }) => Told::Submitted { finished: *finished },
        Ok(Done::Repeated { finished, .. }) => Told::Repeated { finished: *finished },
        Ok(Done::Committed { .. }) => Told::Committed,
        Ok(Done::Stopped { .. }) => Told::Stopped,
        Ok(Done::EndedEarly { .. }) => unreachable!("no business of this world ends its transaction early"),
        Ok(Done::Unknown { .. }) => Told::Unknown,
        Err(NotDone::GivenUp { .. }) => Told::GivenUp,
        Err(_) => Told::NotDone,
    }
}
