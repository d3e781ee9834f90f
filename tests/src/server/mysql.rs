//! A scratch MariaDB.

use url::Url;
use uuid::Uuid;

use super::scratch::{Place, program};
use super::{Server, ServerCertificate};

/// Where packages of Debian, Red Hat and Homebrew put the programs.
pub(super) const DIRECTORIES: &[&str] =
    &["/opt/homebrew/opt/mariadb*/bin", "/usr/local/opt/mariadb*/bin", "/usr/bin", "/usr/libexec", "/usr/sbin"];

/// Starts a server with these arguments, if the programs are installed. With a certificate it accepts only TLS.
pub(super) async fn start(tls: Option<&ServerCertificate>, arguments: &'static [&'static str]) -> Option<Server> {
    let install = program("mariadb-install-db", DIRECTORIES)?;
    let mariadbd = program("mariadbd", DIRECTORIES)?;
    let (place, watchdog) = Place::new(&["mysql", "nobody"], "KILL");
    let password = Uuid::new_v4().simple().to_string();

    let mut init = place.command(&install);
    init.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=socket"]);
    init.arg(format!("--datadir={}", place.path("data").display()));
    place.run(init);

    let users = place.write(
        "users.sql",
        &format!(
            "CREATE USER IF NOT EXISTS branchwire@'%' IDENTIFIED BY '{password}';\n\
             GRANT ALL ON *.* TO branchwire@'%' WITH GRANT OPTION;\n"
        ),
    );
    let tls = tls.map_or(Vec::new(), |tls| {
        let files = [
            ("ssl-ca", place.write("ca.pem", &tls.authority)),
            ("ssl-cert", place.write("server.pem", &tls.certificate)),
            ("ssl-key", place.write_secret("server.key", &tls.key)),
        ];
        let files = files.map(|(option, path)| format!("--{option}={}", path.display()));
        files.into_iter().chain(["--require-secure-transport=ON".to_owned()]).collect()
    });

    let url = |port| Url::parse(&format!("mysql://branchwire:{password}@127.0.0.1:{port}/mysql")).expect("a URL");
    let serve = move |place: &Place, port| {
        let mut serve = place.command(&mariadbd);
        // The machine's own server may have an options file, with its data directory for example: it is not for this
        // server.
        serve.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--max-connections=500"]);
        serve.arg(format!("--port={port}")).arg(format!("--datadir={}", place.path("data").display()));
        serve.arg(format!("--socket={}", place.path("socket").display()));
        serve.arg(format!("--init-file={}", users.display())).args(&tls).args(arguments);
        serve
    };
    let (scratch, url) = place.serve(watchdog, serve, url).await;
    Some(Server { url, scratch: Some(scratch) })
}
