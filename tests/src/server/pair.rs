//! A PostgreSQL with a standby: the two exchange their roles.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use url::Url;
use uuid::Uuid;

use super::node::{Node, send, until, value};
use super::postgres::DIRECTORIES;
use super::scratch::program;
use crate::database::execute;

/// How often `pg_rewind` is tried: processes of the killed server may still run.
const REWINDS: u32 = 50;

/// A primary and its standby.
#[derive(Debug)]
pub struct Pair {
    nodes: [Node; 2],
    primary: usize,
    programs: Programs,
    password: String,
    synchronous: bool,
}

#[derive(Debug)]
struct Programs {
    initdb: PathBuf,
    postgres: PathBuf,
    pg_basebackup: PathBuf,
    pg_ctl: PathBuf,
    pg_rewind: PathBuf,
}

impl Programs {
    fn find() -> Option<Self> {
        let find = |name| program(name, DIRECTORIES);
        Some(Self {
            initdb: find("initdb")?,
            postgres: find("postgres")?,
            pg_basebackup: find("pg_basebackup")?,
            pg_ctl: find("pg_ctl")?,
            pg_rewind: find("pg_rewind")?,
        })
    }
}

/// How the old primary came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// Unchanged.
    AsItWas,
    /// By `pg_rewind`: it had commits that the standby did not.
    Rewound,
    /// By a fresh `pg_basebackup`.
    CopiedAnew,
}

impl Pair {
    /// Starts both. With a synchronous standby a commit returns when the standby has it on disk. `None` if the programs
    /// are not installed, which has been reported.
    ///
    /// # Panics
    /// If they are not installed and `CI` is `true`, or if they do not start.
    pub async fn start(synchronous: bool) -> Option<Self> {
        let programs = Programs::find().or_else(|| super::skip("a PostgreSQL with a standby: install `postgresql`"))?;
        let nodes = [(); 2].map(|()| Node::new(&["postgres", "nobody"], "QUIT"));
        let password = Uuid::new_v4().simple().to_string();
        let mut pair = Self { nodes, primary: 0, programs, password, synchronous };

        let place = &pair.nodes[0].place;
        let mut init = place.command(&pair.programs.initdb);
        init.args(["--username=branchwire", "--auth=password", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        // `pg_rewind` needs the checksums.
        init.args(["--data-checksums", "--pwfile"]).arg(place.write("password", &pair.password));
        init.arg("--pgdata").arg(place.path("data"));
        pair.nodes[0].run(init).await;
        pair.serve(0).await;
        pair.make_slot().await;
        pair.copy(1).await;
        pair.serve(1).await;
        pair.wait_for_standby().await;
        Some(pair)
    }

    /// The address of a database on whichever of the two is the primary.
    pub fn address(&self, database: &str) -> String {
        let [a, b] = [self.nodes[0].port, self.nodes[1].port];
        format!("postgres://branchwire:{}@127.0.0.1:{a},127.0.0.1:{b}/{database}", self.password)
    }

    /// The addresses of both servers.
    pub fn urls(&self) -> [Url; 2] {
        [self.url(0), self.url(1)]
    }

    /// Creates an empty database.
    ///
    /// # Errors
    /// The server's.
    pub async fn create_database(&self, name: &str) -> Result<(), sqlx::Error> {
        execute(&self.url(self.primary), &format!("CREATE DATABASE {name}")).await
    }

    /// A planned switch: the primary is shut down and the standby is promoted. Returns the time of the promotion.
    ///
    /// # Panics
    /// If one of them does not do what is asked.
    pub async fn switch_over(&mut self) -> (Instant, Back) {
        let old = self.primary;
        // A fast shutdown: it first sends the standby everything.
        self.nodes[old].signal("INT").await;
        self.nodes[old].ended().await;
        let promoted = self.promote(1 - old).await;
        self.make_slot().await;
        self.nodes[old].place.write("data/standby.signal", "");
        self.serve(old).await;
        self.wait_for_standby().await;
        (promoted, Back::AsItWas)
    }

    /// Kills the primary and promotes the standby, whose receiver was stopped for `lag` before that. Returns the time
    /// of the promotion.
    ///
    /// # Panics
    /// If one of them does not do what is asked.
    pub async fn fail_over(&mut self, lag: Duration) -> (Instant, Back) {
        let (old, new) = (self.primary, 1 - self.primary);
        let receiver = value(&self.url(new), "SELECT CAST(pid AS text) FROM pg_stat_wal_receiver").await;
        let receiver = receiver.ok().and_then(|id| id.parse().ok());
        if let Some(receiver) = receiver {
            send("STOP", receiver).await;
            tokio::time::sleep(lag).await;
        }
        self.nodes[old].signal("KILL").await;
        self.nodes[old].ended().await;
        if let Some(receiver) = receiver {
            // The receiver ends when it goes on; what it has not read by then is lost with the primary.
            send("TERM", receiver).await;
            send("CONT", receiver).await;
        }
        let promoted = self.promote(new).await;
        self.make_slot().await;
        let back = self.bring_back(old).await;
        self.serve(old).await;
        self.wait_for_standby().await;
        (promoted, back)
    }

    async fn promote(&mut self, node: usize) -> Instant {
        let mut promote = self.nodes[node].place.command(&self.programs.pg_ctl);
        promote.args(["promote", "--no-wait", "-D"]).arg(self.nodes[node].place.path("data"));
        self.nodes[node].run(promote).await;
        let url = self.url(node);
        until(&url, "SELECT CAST(pg_is_in_recovery() AS text)", "false").await;
        self.primary = node;
        // There is no standby now: commits that wait for one must go on.
        self.set_synchronous("").await;
        Instant::now()
    }

    /// Makes the killed server a standby of the other.
    async fn bring_back(&mut self, old: usize) -> Back {
        let source = self.url(1 - old);
        // Without this checkpoint `pg_rewind` may not notice that the timelines differ.
        execute(&source, "CHECKPOINT").await.expect("a checkpoint");
        let place = &self.nodes[old].place;
        for _ in 0..REWINDS {
            let mut rewind = place.command(&self.programs.pg_rewind);
            rewind.arg("--target-pgdata").arg(place.path("data"));
            rewind.arg("--source-server").arg(self.conninfo(1 - old));
            if self.nodes[old].try_run(rewind).await {
                place.write("data/standby.signal", "");
                return Back::Rewound;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.copy(old).await;
        Back::CopiedAnew
    }

    /// A fresh copy of the primary.
    async fn copy(&self, node: usize) {
        let place = &self.nodes[node].place;
        let _ = std::fs::remove_dir_all(place.path("data"));
        let mut copy = place.command(&self.programs.pg_basebackup);
        copy.arg("--dbname").arg(self.conninfo(1 - node)).arg("--pgdata").arg(place.path("data"));
        copy.args(["--wal-method=stream", "--checkpoint=fast", "--no-sync"]);
        self.nodes[node].run(copy).await;
        place.write("data/standby.signal", "");
    }

    async fn serve(&mut self, node: usize) {
        let (postgres, conninfo) = (self.programs.postgres.clone(), self.conninfo(1 - node));
        let command = |node: &Node| {
            let mut serve = node.place.command(&postgres);
            serve.arg("-D").arg(node.place.path("data")).args(["-h", "127.0.0.1", "-k", ""]);
            serve.args(["-p", &node.port.to_string(), "-c", "max_connections=200", "-c", "wal_keep_size=512MB"]);
            serve.args(["-c", "primary_slot_name=standby", "-c", "wal_retrieve_retry_interval=200ms"]);
            serve.arg("-c").arg(format!("primary_conninfo={conninfo}"));
            serve
        };
        let url = self.url(node);
        self.nodes[node].start(command, &url).await;
    }

    /// Keeps the log for the standby.
    async fn make_slot(&self) {
        let make = "SELECT pg_create_physical_replication_slot('standby') \
            WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = 'standby')";
        execute(&self.url(self.primary), make).await.expect("a slot");
    }

    /// Waits until the standby receives from the primary, and until it is synchronous, if it is to be.
    async fn wait_for_standby(&self) {
        // A replication slot from its time as the primary would keep log that nobody reads.
        let drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active";
        execute(&self.url(1 - self.primary), drop).await.expect("no slot");
        let url = self.url(self.primary);
        if self.synchronous {
            self.set_synchronous("*").await;
            until(&url, "SELECT CAST(count(*) AS text) FROM pg_stat_replication WHERE sync_state = 'sync'", "1").await;
        }
        let streams = "SELECT CAST(count(*) AS text) FROM pg_stat_replication WHERE state = 'streaming'";
        until(&url, streams, "1").await;
        // `pg_rewind` looks in the log for the last checkpoint that both have, and a fresh copy begins behind an older
        // one.
        execute(&url, "CHECKPOINT").await.expect("a checkpoint");
    }

    async fn set_synchronous(&self, names: &str) {
        let url = self.url(self.primary);
        execute(&url, &format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'")).await.expect("a setting");
        execute(&url, "SELECT pg_reload_conf()").await.expect("it is read");
    }

    fn url(&self, node: usize) -> Url {
        let url = format!("postgres://branchwire:{}@127.0.0.1:{}/postgres", self.password, self.nodes[node].port);
        Url::parse(&url).expect("a URL")
    }

    fn conninfo(&self, node: usize) -> String {
        let (port, password) = (self.nodes[node].port, &self.password);
        format!("host=127.0.0.1 port={port} user=branchwire password={password} dbname=postgres")
    }
}
