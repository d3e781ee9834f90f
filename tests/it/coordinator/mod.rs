//! A running coordinator: durability, restarts, and the view of other programs on the same tables.

mod alerts;
mod command_line;
mod durability;
mod export;
mod facts;
mod instances;
mod limits;
mod metrics;
mod outage;
mod processes;
pub(crate) mod program;
mod refused;
mod takeover;
mod tcc;

use branchwire::protocol::Gid;
use branchwire_coordinator::{Builder, Coordinator};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A coordinator that serves, until it is stopped.
pub(crate) struct Running {
    pub(crate) url: String,
    client: Client,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Running {
    pub(crate) async fn start(builder: Builder) -> Self {
        let coordinator = builder.start().await.expect("the coordinator starts");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(coordinator.serve(listener, async move { drop(stopped.await) }));
        Self { url, client: Client::new(), stop, serving }
    }

    async fn on(store: &str) -> Self {
        Self::start(Coordinator::builder().store(store)).await
    }

    pub(crate) async fn stop(self) {
        drop(self.stop);
        self.serving.await.expect("no panic").expect("an orderly stop");
    }

    pub(crate) async fn post(&self, route: &str, body: &Value) -> reqwest::Response {
        self.client
            .post(format!("{}/api/dtmsvr/{route}", self.url))
            .body(body.to_string())
            .send()
            .await
            .expect("an answer")
    }

    /// The status of the answer to the question whether it can take transactions.
    pub(crate) async fn ready(&self) -> u16 {
        let answer = self.client.get(format!("{}/api/ready", self.url)).send().await.expect("an answer");
        answer.status().as_u16()
    }

    /// Posts, and expects success.
    pub(crate) async fn done(&self, route: &str, body: &Value) {
        let answer = self.post(route, body).await;
        let status = answer.status();
        assert_eq!(status, 200, "{route}: {}", answer.text().await.unwrap_or_default());
    }

    pub(crate) async fn query(&self, gid: &str) -> Value {
        let query = [("gid", gid)];
        let url = url::Url::parse_with_params(&format!("{}/api/dtmsvr/query", self.url), query).expect("an address");
        self.client.get(url).send().await.expect("an answer").json().await.expect("JSON")
    }

    /// Waits until `wanted` is true for the response of `query`.
    pub(crate) async fn wait(&self, gid: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let seen = async {
            loop {
                let seen = self.query(gid).await;
                if wanted(&seen) {
                    return seen;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let limit = std::time::Duration::from_secs(30);
        tokio::time::timeout(limit, seen).await.unwrap_or_else(|_| panic!("{gid} does not get where it should"))
    }

    pub(crate) async fn wait_status(&self, gid: &str, status: &str) -> Value {
        self.wait(gid, |seen| seen["transaction"]["status"] == status).await
    }

    async fn metric(&self, name: &str) -> u64 {
        let text = self.client.get(format!("{}/api/metrics", self.url)).send().await.expect("an answer").text().await;
        let text = text.expect("text");
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no metric {name}"));
        line.trim().parse().expect("a number")
    }
}

/// A message with one step for each address.
pub(crate) fn message(gid: &str, actions: &[String]) -> Value {
    json!({
        "gid": gid,
        "trans_type": "msg",
        "steps": actions.iter().map(|action| json!({ "action": action })).collect::<Vec<_>>(),
        "payloads": vec!["{}"; actions.len()],
        "query_prepared": format!("{}/prepared", actions.first().map_or("http://127.0.0.1:1", String::as_str)),
        "retry_interval": 1,
    })
}

pub(crate) fn gid() -> String {
    Gid::random().into()
}
