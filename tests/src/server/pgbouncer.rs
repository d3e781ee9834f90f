//! A pgbouncer before a scratch PostgreSQL.

use url::Url;

use super::Server;
use super::scratch::{Place, program};

/// Where packages of Debian, Red Hat and Homebrew put the program.
const DIRECTORIES: &[&str] = &["/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/usr/sbin"];

/// Starts one, if the program is installed. It accepts every client, as the server's user.
pub(super) async fn start(server: &Url, settings: &[(&str, &str)]) -> Option<Server> {
    let pgbouncer = program("pgbouncer", DIRECTORIES)?;
    let (place, watchdog) = Place::new(&["postgres", "nobody"], "KILL");
    let server_port = server.port().expect("a port");
    let (user, password) = (server.username(), server.password().unwrap_or_default());
    let settings = settings.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join("\n");
    let rest = format!(
        "auth_type = any\nunix_socket_dir =\n{settings}\n\
         [databases]\n* = host=127.0.0.1 port={server_port} user={user} password={password}\n"
    );
    let mut url = server.clone();
    let serve = move |place: &Place, port| {
        let text = format!("[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n{rest}");
        let mut serve = place.command(&pgbouncer);
        serve.arg(place.write("pgbouncer.ini", &text));
        serve
    };
    let at = |port| {
        url.set_port(Some(port)).expect("a port");
        url.clone()
    };
    let (scratch, url) = place.serve(watchdog, serve, at).await;
    Some(Server { url, scratch: Some(scratch) })
}
