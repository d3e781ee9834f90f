//! A scratch PostgreSQL.

use url::Url;
use uuid::Uuid;

use super::scratch::{Place, program};
use super::{Server, ServerCertificate};

/// Where packages of Debian, Red Hat and Homebrew put the programs.
pub(super) const DIRECTORIES: &[&str] = &[
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/usr/bin",
    "/usr/pgsql-*/bin",
    "/usr/lib/postgresql/*/bin",
];

/// `pg_hba.conf` of a server that requires TLS; the first matching line counts.
const HBA_TLS: &str = "hostssl all certified 127.0.0.1/32 cert\nhostssl all all 127.0.0.1/32 password\n";

/// Starts a server, if the programs are installed. With a certificate it accepts only TLS.
pub(super) async fn start(tls: Option<&ServerCertificate>) -> Option<Server> {
    let initdb = program("initdb", DIRECTORIES)?;
    let postgres = program("postgres", DIRECTORIES)?;
    // An immediate shutdown: it writes no checkpoint, but frees the shared memory.
    let (place, watchdog) = Place::new(&["postgres", "nobody"], "QUIT");
    let password = Uuid::new_v4().simple().to_string();

    let mut init = place.command(&initdb);
    init.args(["--username=branchwire", "--auth=password", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    init.arg("--pwfile").arg(place.write("password", &password)).arg("--pgdata").arg(place.path("data"));
    place.run(init);

    let tls = tls.map_or(Vec::new(), |tls| {
        place.write("data/pg_hba.conf", HBA_TLS);
        let files = [
            ("ssl_ca_file", place.write("ca.pem", &tls.authority)),
            ("ssl_cert_file", place.write("server.pem", &tls.certificate)),
            ("ssl_key_file", place.write_secret("server.key", &tls.key)),
        ];
        let files = files.map(|(setting, path)| format!("--{setting}={}", path.display()));
        files.into_iter().chain(["--ssl=on".to_owned()]).collect()
    });

    let url = |port| Url::parse(&format!("postgres://branchwire:{password}@127.0.0.1:{port}/postgres")).expect("a URL");
    let serve = move |place: &Place, port| {
        let mut serve = place.command(&postgres);
        serve.arg("-D").arg(place.path("data")).args(["-h", "127.0.0.1", "-p", &format!("{port}"), "-k", ""]);
        serve.args(["-c", "max_connections=500"]).args(&tls);
        serve
    };
    let (scratch, url) = place.serve(watchdog, serve, url).await;
    Some(Server { url, scratch: Some(scratch) })
}
