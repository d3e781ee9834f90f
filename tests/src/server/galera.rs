//! A Galera cluster of three MariaDB nodes, all of which take writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use url::Url;
use uuid::Uuid;

use super::mysql::DIRECTORIES;
use super::node::{Node, until};
use super::scratch::{free_port, program};
use crate::database::execute;

/// Where packages of Debian and Red Hat put the provider.
const PROVIDERS: &[&str] = &["/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera-4/libgalera_smm.so"];

/// The status variable that is ON while a node is part of the cluster.
const READY: &str = "SELECT CAST(variable_value AS CHAR) FROM information_schema.global_status \
    WHERE variable_name = 'WSREP_READY'";

/// The state of a node.
const STATE: &str = "SELECT CAST(variable_value AS CHAR) FROM information_schema.global_status \
    WHERE variable_name = 'WSREP_LOCAL_STATE_COMMENT'";

/// Three nodes.
#[derive(Debug)]
pub struct Galera {
    nodes: Vec<Node>,
    /// The ports of each node for its group, for incremental and for whole copies.
    ports: Vec<[u16; 3]>,
    mariadbd: PathBuf,
    provider: &'static str,
    password: String,
}

impl Galera {
    /// Starts them. `None` if the programs are not installed, which has been reported.
    ///
    /// # Panics
    /// If they are not installed and `CI` is `true`, or if they do not start.
    pub async fn start() -> Option<Self> {
        let found = Self::find();
        let (install, mariadbd, provider) =
            found.or_else(|| super::skip("Galera: install `mariadb-server`, `galera-4` and `rsync`"))?;
        let nodes = (0..3).map(|_| Node::new(&["mysql", "nobody"], "KILL")).collect();
        let ports = (0..3).map(|_| [(); 3].map(|()| free_port())).collect();
        let password = Uuid::new_v4().simple().to_string();
        let mut galera = Self { nodes, ports, mariadbd, provider, password };

        let first = &galera.nodes[0];
        let mut init = first.place.command(&install);
        init.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=socket"]);
        init.arg(format!("--datadir={}", first.place.path("data").display()));
        first.run(init).await;
        for node in &galera.nodes {
            node.place.directory("data");
        }
        galera.serve(0, true).await;
        galera.serve(1, false).await;
        galera.serve(2, false).await;
        Some(galera)
    }

    /// The programs, if they are there. Nodes copy themselves by `rsync`.
    fn find() -> Option<(PathBuf, PathBuf, &'static str)> {
        program("rsync", &["/usr/bin"])?;
        let provider = PROVIDERS.iter().find(|file| fs::exists(file).unwrap_or(false))?;
        Some((program("mariadb-install-db", DIRECTORIES)?, program("mariadbd", DIRECTORIES)?, provider))
    }

    /// The address of a database on the first node that is ready, beginning with this one.
    pub fn address(&self, database: &str, first: usize) -> String {
        let hosts: Vec<_> = (0..3).map(|step| format!("127.0.0.1:{}", self.nodes[(first + step) % 3].port)).collect();
        format!("mysql://branchwire:{}@{}/{database}", self.password, hosts.join(","))
    }

    /// The address of a database on one node alone.
    pub fn address_of(&self, database: &str, node: usize) -> String {
        format!("mysql://branchwire:{}@127.0.0.1:{}/{database}", self.password, self.nodes[node].port)
    }

    /// Executes a statement on one node.
    ///
    /// # Errors
    /// The node's.
    pub async fn execute(&self, node: usize, statement: &str) -> Result<(), sqlx::Error> {
        execute(&self.url(node), statement).await
    }

    /// Kills a node, and starts it again after `away`; it then copies all data from another one. Returns the time of
    /// the kill.
    ///
    /// # Panics
    /// If it does not come back.
    pub async fn kill(&mut self, node: usize, away: Duration) -> Instant {
        self.nodes[node].signal("KILL").await;
        self.nodes[node].ended().await;
        let killed = Instant::now();
        tokio::time::sleep(away).await;
        self.serve(node, false).await;
        killed
    }

    /// Cuts a node off from the others until it notices, and connects it again. Returns the time of the cut.
    ///
    /// # Panics
    /// If it does not notice, or does not come back.
    pub async fn cut_off(&self, node: usize) -> Instant {
        let url = self.url(node);
        let cut = Instant::now();
        execute(&url, "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'").await.expect("it is cut off");
        until(&url, READY, "OFF").await;
        execute(&url, "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'").await.expect("it is let in");
        until(&url, STATE, "Synced").await;
        cut
    }

    async fn serve(&mut self, node: usize, is_first: bool) {
        let members: Vec<_> = self.ports.iter().map(|[group, ..]| format!("127.0.0.1:{group}")).collect();
        let cluster = if is_first { String::new() } else { members.join(",") };
        let [group, part, whole] = self.ports[node];
        let password = &self.password;
        let users = self.nodes[node].place.write(
            "users.sql",
            &format!(
                "CREATE USER IF NOT EXISTS branchwire@'%' IDENTIFIED BY '{password}';\n\
                 GRANT ALL ON *.* TO branchwire@'%' WITH GRANT OPTION;\n"
            ),
        );
        let options =
            format!("gmcast.listen_addr=tcp://127.0.0.1:{group};ist.recv_addr=127.0.0.1:{part};gcache.size=64M");
        let (provider, mariadbd) = (self.provider, self.mariadbd.clone());
        let command = |node: &Node| {
            let mut serve = base(&mariadbd, node);
            serve.arg(format!("--port={}", node.port)).arg(format!("--wsrep-provider={provider}"));
            serve.args(["--wsrep-on=ON", "--wsrep-cluster-name=scratch", "--wsrep-sst-method=rsync"]);
            serve.arg(format!("--wsrep-cluster-address=gcomm://{cluster}"));
            serve.arg(format!("--wsrep-node-address=127.0.0.1:{group}"));
            serve.arg(format!("--wsrep-sst-receive-address=127.0.0.1:{whole}"));
            serve.arg(format!("--wsrep-provider-options={options}"));
            if is_first {
                serve.arg("--wsrep-new-cluster").arg(format!("--init-file={}", users.display()));
            }
            serve
        };
        let url = self.url(node);
        self.nodes[node].start(command, &url).await;
        until(&url, STATE, "Synced").await;
    }

    fn url(&self, node: usize) -> Url {
        Url::parse(&self.address_of("mysql", node)).expect("a URL")
    }
}

/// The arguments of every start of the program.
fn base(mariadbd: &Path, node: &Node) -> Command {
    let mut command = node.place.command(mariadbd);
    command.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--max-connections=500"]);
    command.arg(format!("--datadir={}", node.place.path("data").display()));
    command.arg(format!("--socket={}", node.place.path("socket").display()));
    command.args(["--binlog-format=ROW", "--default-storage-engine=InnoDB", "--innodb-autoinc-lock-mode=2"]);
    command
}
