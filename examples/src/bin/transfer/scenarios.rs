//! The scenarios, and what must hold after each.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use branchwire::protocol::QueryAnswer;
use branchwire::{Client, Gid};
use branchwire_examples::banks::{Sends, USER_A, USER_B};
use branchwire_examples::stage::{Error, Process, Relay, kill, money, restart, say};
use branchwire_examples::transfer::{Receipt, Transfer, TransferIn};
use tokio::time::Instant;

use crate::Play;
use crate::ledger::{Balances, Ledger};
use crate::notary::Notary;

/// The amount of each scenario, in cents.
const AMOUNT: i64 = 3_000;

/// How long a scenario may take until its message has ended. A DTM server with its own settings needs most of a minute.
const PATIENCE: Duration = Duration::from_secs(90);

const TITLES: [&str; 8] = [
    "a transfer that succeeds",
    "bank A is killed after its commit, before the submit has reached the coordinator",
    "bank A is killed before its commit",
    "bank A refuses: not enough money",
    "bank B is down, and comes back; then the same call is made once more by hand",
    "the coordinator is killed after it acknowledged the submit",
    "an order is refused, and sent again once there is money; then it is sent once more",
    "the coordinator is down: orders go on, and arrive when it is back",
];

/// The scenarios that kill the coordinator.
const NEEDS_OWN_COORDINATOR: [u8; 2] = [6, 8];

/// Plays what was asked for; the last line says how many scenarios hold.
pub(crate) async fn play(play: Play) -> Result<ExitCode, Error> {
    let temporary;
    let dir = if let Some(dir) = &play.dir {
        std::fs::create_dir_all(dir)?;
        std::path::absolute(dir)?
    } else {
        temporary = tempfile::tempdir()?;
        temporary.path().to_owned()
    };
    let mut stage = Stage::set(&play, &dir).await?;
    stage.show_cast(play.dir.as_deref());

    let own_coordinator = stage.coordinator.is_some();
    let numbers: Vec<u8> = (1..=8)
        // Without prepare nobody hears of a message before its commit; with it, nothing begins without a coordinator.
        .filter(|number| *number != if play.way.sends() == Sends::Prepared { 8 } else { 3 })
        .filter(|number| play.only.is_none_or(|only| only == *number))
        .filter(|number| own_coordinator || !NEEDS_OWN_COORDINATOR.contains(number))
        .collect();
    let mut holding = 0;
    for number in &numbers {
        println!("\n{number}. {}", TITLES[usize::from(*number) - 1]);
        match stage.scenario(*number).await {
            Ok(()) => {
                holding += 1;
                println!("   holds");
            }
            Err(error) => {
                println!("   DOES NOT HOLD: {error}");
                stage.mend().await?;
            }
        }
    }
    if !own_coordinator {
        println!("\nScenarios that kill their coordinator are left out with one that is not their own.");
    }
    if let Some(dir) = &play.dir {
        println!("\nThe databases and logs are in {}.", dir.display());
    }
    println!("\ntransfer: {holding} of {} scenarios hold", numbers.len());
    Ok(if holding == numbers.len() && holding > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// An order, by its name.
struct Order(String);

impl Order {
    fn new() -> Self {
        Self(format!("order-{}", Gid::random()))
    }

    /// The gid that bank A gives to an attempt to make it.
    fn gid(&self, attempt: usize) -> Gid {
        let order = Transfer { order: self.0.clone(), from: USER_A, to: USER_B, amount: AMOUNT };
        order.gids().nth(attempt - 1).expect("a name that a gid can hold")
    }
}

/// The processes, and what is needed to look at them.
struct Stage {
    /// None if it is not ours.
    coordinator: Option<Process>,
    /// How bank A sends.
    sends: Sends,
    bank_a: Process,
    bank_b: Process,
    relay: Relay,
    notary: Notary,
    ledger: Ledger,
    client: Client,
    http: reqwest::Client,
}

impl Stage {
    async fn set(play: &Play, dir: &Path) -> Result<Self, Error> {
        let sqlite = |name: &str| format!("sqlite://{}", dir.join(name).display());
        let database_a = play.database.clone().unwrap_or_else(|| sqlite("bank-a.db"));
        let database_b = play.database.clone().unwrap_or_else(|| sqlite("bank-b.db"));

        let (coordinator, coordinator_url) = if let Some(url) = &play.coordinator {
            (None, url.clone())
        } else {
            let store = sqlite("coordinator.db");
            // Short intervals, so that the play is short as well.
            let timing = ["--timeout-to-fail", "1s", "--retry-interval", "1s", "--cron-interval", "1s"];
            let options = ["coordinator", "--store", &store].into_iter().chain(timing);
            let process = Process::start("coordinator", dir, options).await?;
            let url = process.url.clone();
            (Some(process), url)
        };
        let client = Client::new(coordinator_url.clone())?;
        if let Err(error) = client.version().await {
            eprintln!(
                "transfer: no coordinator answers at {coordinator_url}: start one there, or leave `--coordinator` away"
            );
            return Err(error.into());
        }
        let relay = Relay::open(&coordinator_url).await?;
        let notary = Notary::open().await?;
        let bank_b = Process::start("bank B", dir, ["bank-b", "--database", &database_b]).await?;
        let links = ["--coordinator", &relay.url, "--bank-b", &bank_b.url, "--notary", &notary.url];
        let options = ["bank-a", "--database", &database_a].into_iter().chain(links);
        let options = options.chain(play.way.option());
        let bank_a = Process::start("bank A", dir, options).await?;
        Ok(Self {
            coordinator,
            sends: play.way.sends(),
            bank_a,
            bank_b,
            relay,
            notary,
            ledger: Ledger::open(&database_a, &database_b).await?,
            client,
            http: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    fn show_cast(&self, dir: Option<&Path>) {
        let kept = dir.map_or("a temporary directory".to_owned(), |dir| dir.display().to_string());
        println!(
            "Two banks, a database each, a coordinator, and a notary who is told of each transfer; databases and logs in {kept}."
        );
        for process in self.coordinator.iter().chain([&self.bank_a, &self.bank_b]) {
            println!("   {:<12} {}  process {}", process.name, process.url, process.id());
        }
    }

    async fn scenario(&mut self, number: u8) -> Result<(), Error> {
        let order = Order::new();
        let before = self.show("before", None).await?;
        match number {
            1 => self.succeeds(&order).await?,
            2 => self.killed_after_its_commit(&order).await?,
            3 => self.killed_before_its_commit(&order).await?,
            4 => self.refuses(&order, before).await?,
            5 => self.bank_b_is_down(&order).await?,
            6 => self.coordinator_is_killed(&order).await?,
            7 => self.sent_again(&order, before).await?,
            _ => self.coordinator_is_down(&order).await?,
        }
        let gid = order.gid(if number == 7 { self.second_attempt() } else { 1 });
        let arrives = !matches!(number, 3 | 4);
        let answer = match arrives {
            true => self.ended(&gid, "succeed").await?,
            false if self.has_outbox() => self.never_heard_of(&gid).await?,
            false => self.ended(&gid, "failed").await?,
        };
        let mut after = self.show("after", Some(&answer)).await?;
        if number == 5 {
            self.call_bank_b_again(&gid).await?;
            after = self.show("after", Some(&answer)).await?;
        }
        if self.notary.knows(gid.as_str()) != arrives {
            return Err("the notary was told what is not so".into());
        }
        let moved = if arrives { AMOUNT } else { 0 };
        let due = Balances { bank_a: before.bank_a - moved, bank_b: before.bank_b + moved };
        if after == due { Ok(()) } else { Err(format!("the balances should be {due}").into()) }
    }

    async fn succeeds(&self, order: &Order) -> Result<(), Error> {
        self.order(order, AMOUNT, Some(Receipt::Done)).await
    }

    async fn killed_after_its_commit(&mut self, order: &Order) -> Result<(), Error> {
        let submit = self.relay.lose_next("submit");
        let customer = self.send_order(order, AMOUNT);
        submit.await?;
        say("bank A has committed; its submit is on the line, and is lost");
        if self.sends == Sends::AtCommit {
            is_told(customer.await?.as_ref(), Some(&Receipt::Done))?;
            kill(&mut self.bank_a).await?;
        } else {
            kill(&mut self.bank_a).await?;
            is_told(customer.await?.as_ref(), None)?;
        }
        self.show("now", Some(&self.client.query(&order.gid(1)).await?)).await?;
        restart(&mut self.bank_a).await?;
        say(if self.has_outbox() {
            "bank A finds the message in its outbox, and sends it once the dead sender's time is over"
        } else {
            "the coordinator asks bank A what became of it"
        });
        Ok(())
    }

    async fn killed_before_its_commit(&mut self, order: &Order) -> Result<(), Error> {
        // A lock on the account keeps bank A inside its transaction.
        let lock = self.ledger.lock_bank_a().await?;
        let prepare = self.relay.await_next("prepare");
        let customer = self.send_order(order, AMOUNT);
        prepare.await?;
        say("the message is prepared; bank A waits for a lock on the account, and has not committed");
        kill(&mut self.bank_a).await?;
        customer.await?;
        drop(lock);
        restart(&mut self.bank_a).await?;
        say("the coordinator asks bank A what became of it");
        Ok(())
    }

    async fn refuses(&self, order: &Order, before: Balances) -> Result<(), Error> {
        let refused = Receipt::Refused { reason: "not enough money".to_owned() };
        self.order(order, before.bank_a + 1, Some(refused)).await?;
        let answer = self.client.query(&order.gid(1)).await?;
        if let Some(branch) = answer.branches.iter().find(|branch| branch.status != "prepared") {
            return Err(format!("the branch at bank B is `{}`", branch.status).into());
        }
        say("bank B was never called");
        Ok(())
    }

    async fn bank_b_is_down(&mut self, order: &Order) -> Result<(), Error> {
        kill(&mut self.bank_b).await?;
        self.order_and_submit(order).await?;
        self.show("now", Some(&self.client.query(&order.gid(1)).await?)).await?;
        restart(&mut self.bank_b).await
    }

    async fn coordinator_is_killed(&mut self, order: &Order) -> Result<(), Error> {
        // Bank B is away meanwhile, so that the message cannot end before the coordinator does.
        kill(&mut self.bank_b).await?;
        self.order_and_submit(order).await?;
        let coordinator = self.coordinator.as_mut().ok_or("the coordinator is not ours to kill")?;
        kill(coordinator).await?;
        restart(&mut self.bank_b).await?;
        let coordinator = self.coordinator.as_mut().ok_or("the coordinator is not ours to kill")?;
        restart(coordinator).await
    }

    async fn sent_again(&self, order: &Order, before: Balances) -> Result<(), Error> {
        let missing = before.bank_a - AMOUNT + 1;
        self.ledger.pay_in(-missing).await?;
        say(&format!("the customer takes {} out, and one cent is missing", money(missing)));
        self.order(order, AMOUNT, Some(Receipt::Refused { reason: "not enough money".to_owned() })).await?;
        self.ledger.pay_in(missing).await?;
        say(&format!("the customer pays {} in, and sends the same order again", money(missing)));
        self.order(order, AMOUNT, Some(Receipt::Done)).await?;
        let second = self.second_attempt();
        if !self.has_outbox() {
            self.ended(&order.gid(1), "failed").await?;
        }
        self.ended(&order.gid(second), "succeed").await?;
        say(
            "the first attempt has changed nothing, the second one has ended as `succeed`; and the same order once more",
        );
        self.order(order, AMOUNT, Some(Receipt::Done)).await?;
        if let Some(third) = self.client.query(&order.gid(second + 1)).await?.transaction {
            return Err(format!("a third attempt was made: it is `{}`", third.status).into());
        }
        Ok(())
    }

    /// The number of the gid of a second attempt: the first one is used up only if the coordinator has heard of it.
    fn second_attempt(&self) -> usize {
        if self.has_outbox() { 1 } else { 2 }
    }

    async fn coordinator_is_down(&mut self, order: &Order) -> Result<(), Error> {
        let coordinator = self.coordinator.as_mut().ok_or("the coordinator is not ours to kill")?;
        kill(coordinator).await?;
        let others = [Order::new(), Order::new()];
        for order in others.iter().chain([order]) {
            self.order(order, AMOUNT / 3, Some(Receipt::Done)).await?;
        }
        self.show("now", None).await?;
        let coordinator = self.coordinator.as_mut().ok_or("the coordinator is not ours to kill")?;
        restart(coordinator).await?;
        for other in others {
            self.ended(&other.gid(1), "succeed").await?;
        }
        Ok(())
    }

    /// Makes sure that the coordinator does not know this message.
    async fn never_heard_of(&self, gid: &Gid) -> Result<QueryAnswer, Error> {
        let answer = self.client.query(gid).await?;
        match &answer.transaction {
            None => Ok(answer),
            Some(transaction) => Err(format!("the coordinator has it as `{}`", transaction.status).into()),
        }
    }

    /// Repeats by hand a call that the coordinator has already made.
    async fn call_bank_b_again(&self, gid: &Gid) -> Result<(), Error> {
        let url = format!("{}/api/bank-b/trans-in", self.bank_b.url);
        let answer = self
            .http
            .post(format!("{url}?gid={gid}&trans_type=msg&branch_id=01&op=action"))
            .json(&TransferIn { user_id: USER_B, amount: AMOUNT })
            .send()
            .await?;
        say(&format!("the same call by hand: bank B answers {} {}", answer.status().as_u16(), answer.text().await?));
        Ok(())
    }

    /// Whether bank A sends without prepare.
    fn has_outbox(&self) -> bool {
        self.sends != Sends::Prepared
    }

    /// Sends an order to bank A, and expects this receipt.
    async fn order(&self, order: &Order, amount: i64, expected: Option<Receipt>) -> Result<(), Error> {
        is_told(self.send_order(order, amount).await?.as_ref(), expected.as_ref())
    }

    /// Sends an order that succeeds, and waits until the coordinator has acknowledged its submit: a customer may be answered
    /// before that.
    async fn order_and_submit(&self, order: &Order) -> Result<(), Error> {
        let acknowledged = self.relay.await_next("submit");
        self.order(order, AMOUNT, Some(Receipt::Done)).await?;
        Ok(acknowledged.await?)
    }

    /// The answer of bank A, if one came.
    fn send_order(&self, order: &Order, amount: i64) -> tokio::task::JoinHandle<Option<Receipt>> {
        say(&format!("a customer of bank A orders {} to bank B", money(amount)));
        let order = Transfer { order: order.0.clone(), from: USER_A, to: USER_B, amount };
        let request = self.http.post(format!("{}/api/bank-a/transfer", self.bank_a.url)).json(&order);
        tokio::spawn(async { request.send().await.ok()?.json().await.ok() })
    }

    /// Waits until the message has ended, and so.
    async fn ended(&self, gid: &Gid, status: &str) -> Result<QueryAnswer, Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.client.query(gid).await?;
            match answer.transaction.as_ref().map(|transaction| transaction.status.as_str()) {
                Some(was @ ("succeed" | "failed")) if was != status => {
                    return Err(format!("the message ended `{was}`, not `{status}`").into());
                }
                Some("succeed" | "failed") => return Ok(answer),
                _ if Instant::now() > deadline => return Err("the message has not ended".into()),
                // The state lies in another process, which does not tell of changes.
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    async fn show(&self, when: &str, answer: Option<&QueryAnswer>) -> Result<Balances, Error> {
        let balances = self.ledger.balances().await?;
        let message = answer.map_or(String::new(), |answer| match &answer.transaction {
            Some(transaction) => format!("   message {}", transaction.status),
            None => "   no message".to_owned(),
        });
        println!("   {when:<7} {balances}{message}");
        Ok(balances)
    }

    /// After a scenario that went wrong: everyone runs again, for the next.
    async fn mend(&mut self) -> Result<(), Error> {
        for process in self.coordinator.iter_mut().chain([&mut self.bank_a, &mut self.bank_b]) {
            if !process.is_running() {
                process.restart().await?;
            }
        }
        Ok(())
    }
}

/// The customer was told this, and nothing else.
fn is_told(receipt: Option<&Receipt>, expected: Option<&Receipt>) -> Result<(), Error> {
    match receipt {
        Some(receipt) => say(&format!("bank A answers its customer: {}", serde_json::to_string(receipt)?)),
        None => say("bank A gives its customer no answer"),
    }
    if receipt == expected { Ok(()) } else { Err(format!("the customer should have been told {expected:?}").into()) }
}

impl std::fmt::Display for Balances {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bank A {:>7}   bank B {:>7}", money(self.bank_a), money(self.bank_b))
    }
}
