//! A scratch PostgreSQL.

use url::Url;
use uuid::Uuid;

use super::Server;
use super::scratch::{Place, program};

/// Where packages of Debian, Red Hat and Homebrew put the programs.
const DIRECTORIES: &[&str] = &[
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/usr/bin",
    "/usr/pgsql-*/bin",
    "/usr/lib/postgresql/*/bin",
];

/// Starts a server, if the programs are there.
pub(super) async fn start() -> Option<Server> {
    let initdb = program("initdb", DIRECTORIES)?;
    let postgres = program("postgres", DIRECTORIES)?;
    // An immediate shutdown: no checkpoint, but shared memory is given back.
    let (place, watchdog) = Place::new(&["postgres", "nobody"], "QUIT");
    let password = Uuid::new_v4().simple().to_string();

    let mut init = place.command(&initdb);
    init.args(["--username=branchwire", "--auth=password", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    init.arg("--pwfile").arg(place.write("password", &password)).arg("--pgdata").arg(place.path("data"));
    place.run(init);

    let url = |port| Url::parse(&format!("postgres://branchwire:{password}@127.0.0.1:{port}/postgres")).expect("a URL");
    let serve = move |place: &Place, port| {
        let mut serve = place.command(&postgres);
        serve.arg("-D").arg(place.path("data")).args(["-h", "127.0.0.1", "-p", &format!("{port}"), "-k", ""]);
        serve.args(["-c", "max_connections=500"]);
        serve
    };
    let (scratch, url) = place.serve(watchdog, serve, url).await;
    Some(Server { url, scratch: Some(scratch) })
}
