//! The world: processes, their surroundings, and the faults.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use branchwire::protocol::GID_HEADER;
use branchwire::protocol::client::Client as Api;
use branchwire::simulation::start_outbox;
use branchwire::{Client, Outbox};
use branchwire_coordinator::{Clock, Coordinator, Retention};
use futures_util::FutureExt;
use http::Response;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;

use super::audit::Auditor;
use super::database::{Connection, Database};
use super::fate::{Fate, Fault};
use super::network::{Calls, Handler, Network, Requests, Tries};
use super::order::{Order, Run};
use super::process::Life;
use super::store::Disk;
use super::trip::Trip;
use super::workload::Transfer;
use super::{Bug, EPOCH, FAULTS_LAST, Orders, REST, Report, bank};

const COORDINATORS: [&str; 2] = ["coordinator", "coordinator-2"];

const BANKS: [&str; 3] = ["bank-a", "bank-b", "bank-c"];

/// All there is.
#[derive(Debug)]
pub(super) struct World {
    fate: Arc<Fate>,
    bug: Option<Bug>,
    network: Arc<Network>,
    disk: Arc<Disk>,
    databases: BTreeMap<&'static str, Arc<Database>>,
    auditor: Arc<Auditor>,
    coordinators: Vec<&'static str>,
    /// Whether they say what they know of a gid, as DTM servers do not.
    says_gids: bool,
    /// What clients order.
    orders: Orders,
    start: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    lives: BTreeMap<&'static str, Life>,
    clocks: BTreeMap<&'static str, Clock>,
    /// To be stopped in an orderly way.
    stops: BTreeMap<&'static str, Arc<tokio::sync::Notify>>,
    /// That of bank A's present life.
    outbox: Option<Outbox<Connection>>,
    transactions: u64,
    /// What was durable of each message when a process died last.
    at_death: BTreeMap<String, String>,
}

impl World {
    /// A world in which everybody is up.
    pub(super) fn new(fate: Fate, coordinators: usize, says_gids: bool, bug: Option<Bug>, orders: Orders) -> Arc<Self> {
        let fate = Arc::new(fate);
        let network = Network::new(fate.clone());
        let disk = Disk::new(coordinators > 1, fate.clone(), bug);
        let databases: BTreeMap<_, _> =
            BANKS.into_iter().map(|name| (name, Database::new(name, fate.clone(), bug))).collect();
        let auditor = Auditor::new(fate.clone(), disk.clone(), databases.clone());
        let coordinators = COORDINATORS[..coordinators].to_vec();
        let (start, state) = (Instant::now(), Mutex::default());
        let world =
            Self { fate, bug, network, disk, databases, auditor, coordinators, says_gids, orders, start, state };
        let world = Arc::new(world);
        for name in world.coordinators.clone() {
            tokio::spawn(world.clone().keep_up(name, true));
        }
        for name in BANKS {
            tokio::spawn(world.clone().keep_up(name, false));
        }
        world
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a process, and starts it again each time that it dies.
    async fn keep_up(self: Arc<Self>, name: &'static str, is_coordinator: bool) {
        loop {
            let life = Life::new(name);
            self.fate.note(format_args!("{name} starts"));
            self.state().lives.insert(name, life.clone());
            if is_coordinator {
                let stop = Arc::new(tokio::sync::Notify::new());
                self.state().stops.insert(name, stop.clone());
                // Outside of the process: a dead coordinator must have no effect any more.
                tokio::spawn(self.clone().run_coordinator(life.clone(), stop));
            } else {
                self.network.listen(&life, bank::handler(&self.fate, &self.databases[name], &life));
                if self.orders == Orders::MessagesByOutbox && name == "bank-a" {
                    let outbox = start_outbox(&self.databases[name].connect(&life), &self.client(&life));
                    self.state().outbox = Some(outbox);
                }
            }
            life.death().await;
            self.fate.note(format_args!("{name} is dead"));
            let at_death = self.auditor.all_durable();
            self.state().at_death = at_death;
            if is_coordinator && !self.disk.is_shared() {
                self.disk.crash();
            }
            let pause = if self.fate.chance(70) { self.fate.between(1, 500) } else { self.fate.between(500, 20_000) };
            sleep(pause).await;
        }
    }

    /// The coordinator's process, until it is stopped in an orderly way.
    async fn run_coordinator(self: Arc<Self>, life: Life, stop: Arc<tokio::sync::Notify>) {
        // Clocks differ, and one that was set back while the process was away starts earlier than it ended.
        let skew = if self.fate.has(Fault::ClockJump) { self.fate.between(0, 60_000) } else { Duration::ZERO };
        let clock = Clock::tokio(EPOCH.after(self.start.elapsed()).after(skew));
        self.state().clocks.insert(life.name(), clock.clone());
        let (network, auditor) = (self.network.clone(), self.auditor.clone());
        let calls = Calls { network, life: life.clone(), auditor, bug: self.bug };
        let coordinator = Coordinator::builder()
            .with_store(Arc::new(self.disk.open(&life)))
            .with_transport(Arc::new(calls))
            .with_clock(clock)
            .retention(Retention::ForEver)
            .branch_progress_sync(self.fate.chance(30))
            .start()
            .await;
        let coordinator = match coordinator {
            Ok(coordinator) => coordinator,
            Err(error) => {
                self.fate.note(format_args!("{} does not start: {error}", life.name()));
                return life.die();
            }
        };
        self.network.listen(&life, self.clone().api(&life, &coordinator));
        stop.notified().await;
        self.fate.note(format_args!("{} stops", life.name()));
        coordinator.stop().await;
        life.die();
    }

    /// The coordinator's API, behind the network.
    fn api(self: Arc<Self>, life: &Life, coordinator: &Coordinator) -> Handler {
        let (router, life) = (coordinator.router(), life.clone());
        Arc::new(move |request| {
            let (router, life, world) = (router.clone(), life.clone(), self.clone());
            async move {
                let (call, gid, branch_id) = (request.call().to_owned(), request.gid(), request.branch_id());
                if call == "submit" && world.bug == Some(Bug::SecondSubmitEnds) {
                    world.disk.end_submitted_tcc(&gid);
                }
                let request = http::Request::builder()
                    .method(request.method)
                    .uri(request.uri)
                    .body(Body::from(request.body))
                    .expect("it was a request before");
                let Ok(response) = router.oneshot(request).await;
                let (mut parts, body) = response.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
                if !world.says_gids {
                    parts.headers.remove(GID_HEADER);
                }
                world.fate.before(&life, &format!("answer {call}")).await;
                if parts.status == http::StatusCode::OK {
                    world.auditor.acknowledged(&call, &gid, &branch_id);
                }
                Response::from_parts(parts, body)
            }
            .boxed()
        })
    }

    /// A client of the coordinators in this process.
    fn client(&self, life: &Life) -> Client {
        let (network, coordinators) = (self.network.clone(), self.coordinators.clone());
        let tries = Tries { network: network.clone(), life: life.clone() };
        Api::with_channel(Requests { network, life: life.clone(), coordinators }).with_branches(tries).into()
    }

    /// The present life of a process, once it has one.
    async fn life(&self, name: &str) -> Life {
        loop {
            let life = self.state().lives.get(name).filter(|life| life.is_alive()).cloned();
            match life {
                Some(life) => return life,
                None => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Sends an order from the process of bank A as it is now.
    async fn send(&self, order: Order, run: Run) {
        let life = self.life("bank-a").await;
        let (client, bank, auditor) =
            (self.client(&life), self.databases["bank-a"].connect(&life), self.auditor.clone());
        self.auditor.begins(&order, run);
        let (bug, outbox) = (self.bug, self.state().outbox.clone());
        life.spawn(async move {
            let told = order.send(&client, &bank, outbox.as_ref(), run, bug).await;
            auditor.told(&order, run, told);
        });
    }

    fn wanted(&self, order: &Order) {
        self.auditor.wanted(order);
        self.state().transactions += 1;
    }

    /// Orders and faults, until the faults are over.
    pub(super) async fn live_through(self: Arc<Self>) {
        // Everybody is up before the first request.
        sleep(Duration::from_secs(1)).await;
        let faults = tokio::spawn(self.clone().disturb());
        for number in 0..5 + self.fate.below(20) {
            let order = match self.orders {
                Orders::Messages | Orders::MessagesByOutbox => Order::Message(Transfer::draw(&self.fate, number)),
                Orders::Trips => Order::Trip(Trip::draw(&self.fate, number)),
            };
            self.wanted(&order);
            let (world, begin) = (self.clone(), self.fate.between(0, 60_000));
            tokio::spawn(async move {
                sleep(begin).await;
                world.send(order.clone(), Run::First).await;
                // Another client sends the same under the same gid.
                if world.fate.chance(20) {
                    sleep(world.fate.between(0, 30_000)).await;
                    world.send(order, Run::Second).await;
                }
            });
        }
        sleep(self.fate.between(60_000, u64::try_from(FAULTS_LAST.as_millis()).unwrap_or(u64::MAX))).await;
        faults.abort();
        if self.orders == Orders::MessagesByOutbox {
            self.disk.archive_ended();
        }
        self.heal();
        self.finish().await;
        self.repeat_all(Run::Quiet).await;
        match self.orders {
            Orders::Messages => self.disk.forget_ended(),
            Orders::MessagesByOutbox => self.disk.archive_ended(),
            Orders::Trips => {
                self.auditor.forgets();
                self.disk.archive_ended();
            }
        }
        self.repeat_all(Run::Forgotten).await;
    }

    /// Sends everything once more under its old gid, now that all is quiet.
    async fn repeat_all(&self, run: Run) {
        for order in self.auditor.all_wanted() {
            if self.auditor.repeats(&order, run) {
                self.send(order, run).await;
            }
        }
        self.finish().await;
    }

    /// One order, and then whatever it takes.
    pub(super) async fn carry_out(self: Arc<Self>, order: Order) {
        sleep(Duration::from_secs(1)).await;
        self.wanted(&order);
        self.send(order, Run::First).await;
        sleep(Duration::from_mins(2)).await;
        self.finish().await;
    }

    /// Faults of processes and their surroundings, not of single calls.
    async fn disturb(self: Arc<Self>) {
        let processes: Vec<_> = self.coordinators.iter().chain(&BANKS).copied().collect();
        let pick = |names: &[&'static str]| names[usize::try_from(self.fate.below(names.len() as u64)).unwrap_or(0)];
        loop {
            sleep(self.fate.between(50, 500)).await;
            if self.fate.happens(Fault::CrashAnywhere) {
                let life = self.life(pick(&processes)).await;
                self.fate.note(format_args!("{} dies", life.name()));
                life.die();
            }
            if self.fate.happens(Fault::Stop) {
                let stop = self.state().stops.get(pick(&self.coordinators)).cloned();
                if let Some(stop) = stop {
                    stop.notify_one();
                }
            }
            if self.fate.happens(Fault::Partition) {
                let (one, other, time) = (pick(&processes), pick(&processes), self.fate.between(500, 20_000));
                self.fate.note(format_args!("{one} and {other} are parted for {time:?}"));
                self.network.part(one, other, time);
            }
            if self.fate.happens(Fault::ClockJump) {
                let (name, time) = (pick(&self.coordinators), self.fate.between(100, 40_000));
                self.fate.note(format_args!("the clock of {name} jumps by {time:?}"));
                self.state().clocks.get(name).iter().for_each(|clock| clock.advance(time));
            }
            if self.fate.happens(Fault::DatabaseCrash) {
                let number = usize::try_from(self.fate.below(BANKS.len() as u64 + 1)).unwrap_or(0);
                let pause = self.fate.between(10, 10_000);
                if let Some(name) = BANKS.get(number) {
                    self.databases[name].crash();
                    sleep(pause).await;
                    self.databases[name].start();
                } else if self.disk.is_shared() {
                    self.disk.crash();
                    sleep(pause).await;
                    self.disk.start();
                }
            }
        }
    }

    /// Ends all faults, and starts all processes that are down.
    fn heal(&self) {
        self.fate.note("the faults are over");
        self.fate.heal();
        self.network.heal();
        self.databases.values().for_each(|database| database.start());
        self.disk.start();
    }

    /// Waits until all has ended.
    async fn finish(&self) {
        // Packets in flight arrive, and waiting callers get a response or a timeout.
        sleep(Duration::from_mins(2)).await;
        let ended = async {
            while !self.auditor.all_ended() || !self.databases.values().all(|database| database.is_quiet()) {
                sleep(Duration::from_secs(5)).await;
            }
        };
        if timeout(REST, ended).await.is_err() {
            self.fate.note("it does not end");
        }
    }

    /// The result.
    pub(super) fn conclude(&self) -> Report {
        let (violations, succeeded, failed) = self.auditor.conclude(&self.network.submitted_twice());
        let (digest, events) = self.fate.digest();
        self.network.close();
        let State { transactions, at_death, .. } = std::mem::take(&mut *self.state());
        Report {
            transactions,
            succeeded,
            failed,
            faults: self.fate.counts(),
            violations,
            digest,
            events,
            time: self.start.elapsed(),
            trace: self.fate.trace(),
            not_reached: self.fate.not_reached(),
            passed: self.fate.passed(),
            at_death,
        }
    }
}
