//! The hosts of a database, one of which is the primary.
//!
//! The cluster decides which host is the primary. This module only asks the hosts, one after the other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use super::server::CONNECT_TIMEOUT;

/// Timeout of a connection if there is another host to ask.
const HOST_TIMEOUT: Duration = Duration::from_secs(3);

/// The hosts of one database.
#[derive(Debug)]
pub(super) struct Hosts<O> {
    /// The options of each host, and its name in errors. There is at least one.
    hosts: Vec<(O, String)>,
    /// The index of the last known primary; before the first walk that of the last host.
    primary: AtomicUsize,
}

impl<O: Clone> Hosts<O> {
    /// Each host's options with its name; at least one.
    pub(super) fn new(hosts: Vec<(O, String)>) -> Self {
        let primary = AtomicUsize::new(hosts.len().saturating_sub(1));
        Self { hosts, primary }
    }

    /// The options of the last known primary.
    pub(super) fn primary(&self) -> &O {
        &self.hosts[self.primary.load(Ordering::Relaxed)].0
    }

    /// All of them, by name.
    pub(super) fn shown(&self) -> String {
        let names: Vec<_> = self.hosts.iter().map(|(_, name)| name.as_str()).collect();
        names.join(",")
    }

    /// Asks one host after the other, until `connect` succeeds for one: that one is the primary.
    ///
    /// Starts after the last known primary: that host may still claim to be the primary, and hang.
    ///
    /// # Errors
    /// A text for people: why each host was passed over.
    pub(super) async fn connect<C, F>(&self, connect: impl Fn(O) -> F) -> Result<C, String>
    where
        F: Future<Output = Result<C, String>>,
    {
        let count = self.hosts.len();
        let limit = if count == 1 { CONNECT_TIMEOUT } else { HOST_TIMEOUT };
        let last = self.primary.load(Ordering::Relaxed);
        let mut passed = Vec::new();
        for place in (1..=count).map(|step| (last + step) % count) {
            let (options, name) = &self.hosts[place];
            let reason = match timeout(limit, connect(options.clone())).await {
                Ok(Ok(connection)) => {
                    self.primary.store(place, Ordering::Relaxed);
                    return Ok(connection);
                }
                Ok(Err(reason)) => reason,
                Err(_) => "the database does not answer".to_owned(),
            };
            passed.push(if count == 1 { reason } else { format!("{name}: {reason}") });
        }
        let passed = passed.join("; ");
        Err(if count == 1 { passed } else { format!("none of its hosts is a primary: {passed}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connects to `a`, `b` and `c` where only `primary` is one; gives who was asked.
    async fn walk(hosts: &Hosts<char>, primary: char) -> (Result<char, String>, String) {
        let asked = std::sync::Mutex::new(String::new());
        let connected = hosts
            .connect(|host| {
                asked.lock().unwrap().push(host);
                std::future::ready(if host == primary { Ok(host) } else { Err("it is a replica".to_owned()) })
            })
            .await;
        (connected, asked.into_inner().unwrap())
    }

    fn three() -> Hosts<char> {
        Hosts::new(['a', 'b', 'c'].map(|host| (host, format!("{host}:1"))).to_vec())
    }

    #[tokio::test]
    async fn the_hosts_are_asked_until_one_is_the_primary_starting_after_the_last_primary() {
        let hosts = three();
        assert_eq!(walk(&hosts, 'b').await, (Ok('b'), "ab".to_owned()));
        assert_eq!(hosts.primary(), &'b');
        assert_eq!(walk(&hosts, 'b').await, (Ok('b'), "cab".to_owned()));
        assert_eq!(walk(&hosts, 'c').await, (Ok('c'), "c".to_owned()));
    }

    #[tokio::test]
    async fn an_error_names_each_host_with_its_reason() {
        let (connected, asked) = walk(&three(), 'x').await;
        assert_eq!(asked, "abc");
        let says = "none of its hosts is a primary: a:1: it is a replica; b:1: it is a replica; c:1: it is a replica";
        assert_eq!(connected, Err(says.to_owned()));
        let (connected, _) = walk(&Hosts::new(vec![('a', "a:1".to_owned())]), 'x').await;
        assert_eq!(connected, Err("it is a replica".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_host_is_passed_over() {
        let hosts = three();
        let connected = hosts
            .connect(|host| async move { if host == 'a' { std::future::pending().await } else { Ok(host) } })
            .await;
        assert_eq!(connected, Ok('b'));
    }
}
