//! The address of a store, as an administrator writes it.
//!
//! An address can contain a password, and a malformed address can contain it anywhere. So the errors show no part of an
//! address that may be a password.

use std::borrow::Cow;
use std::fs::File;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use super::OpenError;

/// The store that an address names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A SQLite file.
    Sqlite {
        /// Its path.
        file: PathBuf,
        /// Whether it is created if it is not there.
        create: bool,
    },
    /// A PostgreSQL database: an address for each of its hosts, to be given to sqlx.
    Postgres(Vec<String>),
    /// A MySQL or MariaDB database: an address for each of its hosts, to be given to sqlx.
    Mysql(Vec<String>),
}

/// The parameters that sqlx reads in a PostgreSQL address, beside `options[NAME]`. It drops others.
const POSTGRES: &[&str] = &[
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// The parameters that sqlx reads in a MySQL address, but for the time zone, which is an option. It drops others.
const MYSQL: &[&str] = &[
    "ssl-mode",
    "sslmode",
    "ssl-ca",
    "sslca",
    "ssl-cert",
    "sslcert",
    "ssl-key",
    "sslkey",
    "charset",
    "collation",
    "statement-cache-capacity",
    "socket",
];

impl Address {
    /// The kind, as it is named in addresses and features.
    #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
    pub(super) fn scheme(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres(_) => "postgres",
            Self::Mysql(_) => "mysql",
        }
    }

    /// Reads an address: `sqlite://FILE`, `postgres://USER@HOST/DATABASE` or `mysql://USER@HOST/DATABASE`, with parameters
    /// behind `?`. `HOST` may be several, each with its port: `a:5432,b:5432`.
    ///
    /// # Errors
    /// [`OpenError`] if it is of no known kind, or has a parameter that would be ignored.
    pub(super) fn parse(address: &str) -> Result<Self, OpenError> {
        let (scheme, rest) = address.split_once(':').unwrap_or_default();
        let error = |reason: String| OpenError::new(&scheme, reason);
        match scheme {
            "sqlite" => sqlite(rest).map_err(error),
            "postgres" | "postgresql" => server(scheme, rest, POSTGRES).map(Self::Postgres).map_err(error),
            "mysql" | "mariadb" => server(scheme, rest, MYSQL).map(Self::Mysql).map_err(error),
            _ => Err(OpenError::new(
                &"?",
                "expected an address like `sqlite://FILE`, `postgres://USER@HOST/DATABASE` or `mysql://USER@HOST/DATABASE`",
            )),
        }
    }
}

/// `//FILE`, or `FILE`.
fn sqlite(rest: &str) -> Result<Address, String> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (file, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let file = percent_decode_str(file).decode_utf8().map_err(|_| "the file's name is not UTF-8".to_owned())?;
    if file.is_empty() {
        return Err("the file's name is missing: expected `sqlite://FILE`".to_owned());
    }
    if file == ":memory:" {
        return Err(IN_MEMORY.to_owned());
    }
    let mut create = true;
    for (name, value) in form_urlencoded::parse(parameters.as_bytes()) {
        match (&*name, &*value) {
            ("mode", "rwc") => create = true,
            ("mode", "rw") => create = false,
            ("mode", "ro") => return Err("with `mode=ro` it cannot be written".to_owned()),
            ("mode", "memory") => return Err(IN_MEMORY.to_owned()),
            ("cache", "private") | ("immutable", "false" | "0") => {}
            ("cache", "shared") => {
                return Err("with `cache=shared` readers would wait for the writer: leave it out".to_owned());
            }
            ("mode" | "cache" | "immutable", _) => {
                return Err(format!("`{name}={value}` is not supported; use `mode=rwc` (the default) or `mode=rw`"));
            }
            _ => return Err(format!("the parameter `{name}` is unknown; there is `mode`")),
        }
    }
    Ok(Address::Sqlite { file: PathBuf::from(&*file), create })
}

const IN_MEMORY: &str = "a store in memory would forget what it acknowledged: name a file";

/// Splits `//USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?PARAMETERS` into one address for each host.
fn server(scheme: &str, rest: &str, known: &[&str]) -> Result<Vec<String>, String> {
    let rest = rest.strip_prefix("//").ok_or("expected `//` after the first colon")?;
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if tail.contains('@') {
        // Such a character in a password ends the authority too early: the rest of the password would be read as the
        // database or as a parameter.
        return Err("there is an `@` after the host: in user and password write `/` as %2F, `?` as %3F, `#` as %23; \
                    elsewhere write `@` as %40"
            .to_owned());
    }
    if tail.contains('#') {
        return Err("it contains a `#`: write it as %23".to_owned());
    }
    // The last `@` ends user and password. A host with more than one colon is an IPv6 address in brackets.
    let (login, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    if hosts.contains([' ', '\t', '\n']) {
        return Err("there is white space in the host".to_owned());
    }
    let hosts: Vec<&str> = hosts.split(',').collect();
    if hosts.len() > 1 && hosts.contains(&"") {
        return Err("a host is missing between two commas".to_owned());
    }
    let parameters = tail.split_once('?').map_or("", |(_, parameters)| parameters);
    let parameters: Vec<_> = form_urlencoded::parse(parameters.as_bytes()).collect();
    for (name, _) in &parameters {
        if name == "timezone" || name == "time-zone" {
            return Err("the time zone is an option: `--time-zone`".to_owned());
        }
        let is_known = known.contains(&&**name) || (name.starts_with("options[") && known.contains(&"options"));
        if !is_known {
            return Err(format!("the parameter `{name}` is unknown; there are {}", known.join(", ")));
        }
    }
    let names_place = |(name, value): &(Cow<'_, str>, Cow<'_, str>)| {
        matches!(&**name, "host" | "hostaddr" | "port" | "socket") && (hosts.len() > 1 || value.contains(','))
    };
    if let Some((name, _)) = parameters.iter().find(|parameter| names_place(parameter)) {
        return Err(format!("write several hosts before the database, as in `//a:1,b:1/d`, and not in `{name}`"));
    }
    tls(&parameters)?;
    Ok(hosts.iter().map(|host| format!("{scheme}://{login}{host}{tail}")).collect())
}

/// Checks that this program supports the TLS parameters, and that none would be ignored.
fn tls(parameters: &[(Cow<'_, str>, Cow<'_, str>)]) -> Result<(), String> {
    let find = |names: &[&str]| parameters.iter().rfind(|(name, _)| names.contains(&&**name));
    let mode = find(&["sslmode", "ssl-mode"]);
    let root = find(&["sslrootcert", "ssl-root-cert", "ssl-ca", "sslca"]);
    let (certificate, key) = (find(&["sslcert", "ssl-cert"]), find(&["sslkey", "ssl-key"]));

    let mode_is = |modes: &[&str]| {
        let value = mode.map(|(_, value)| value.to_ascii_lowercase().replace('_', "-"));
        value.is_some_and(|value| modes.contains(&&*value))
    };
    let verifies = mode_is(&["verify-ca", "verify-full", "verify-identity"]);
    let asks = mode.filter(|_| verifies || mode_is(&["require", "required"])).or(root).or(certificate).or(key);
    if let Some((name, value)) = asks
        && cfg!(not(feature = "tls"))
    {
        return Err(format!("`{name}={value}` asks for TLS, and this program was built without its feature `tls`"));
    }
    if let Some((name, _)) = root.filter(|_| !verifies) {
        return Err(format!(
            "`{name}` is checked only where the mode says so: add `sslmode=verify-full` (PostgreSQL) or \
             `ssl-mode=VERIFY_IDENTITY` (MySQL), or leave it out"
        ));
    }
    if certificate.is_some() != key.is_some() {
        return Err("a client's certificate and its key are given together: `sslcert` and `sslkey`".to_owned());
    }
    for (name, value) in [root, certificate, key].into_iter().flatten() {
        // Checked here: sqlx would only report that the database cannot be reached, without the reason.
        if !value.trim_start().starts_with("-----BEGIN") {
            File::open(&**value).map_err(|error| format!("`{name}={value}`: {error}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite(address: &str) -> (String, bool) {
        match Address::parse(address) {
            Ok(Address::Sqlite { file, create }) => (file.to_str().expect("UTF-8").to_owned(), create),
            other => panic!("{address}: {other:?}"),
        }
    }

    fn error(address: &str) -> String {
        Address::parse(address).expect_err(address).to_string()
    }

    #[test]
    fn the_name_of_a_file_is_decoded_and_its_mode_heeded() {
        for (address, file, create) in [
            ("sqlite://branchwire.db", "branchwire.db", true),
            ("sqlite:branchwire.db", "branchwire.db", true),
            ("sqlite:///var/lib/my%20store.db", "/var/lib/my store.db", true),
            ("sqlite:///a%3Fb%23c.db?mode=rwc", "/a?b#c.db", true),
            ("sqlite://100%.db?mode=rw&cache=private", "100%.db", false),
        ] {
            assert_eq!(sqlite(address), (file.to_owned(), create), "{address}");
        }
    }

    #[test]
    fn unsupported_parameters_of_a_file_are_refused_by_name() {
        for (address, says) in [
            ("sqlite://", "name is missing"),
            ("sqlite:", "name is missing"),
            ("sqlite://?mode=rwc", "name is missing"),
            ("sqlite::memory:", "in memory"),
            ("sqlite://:memory:", "in memory"),
            ("sqlite://a.db?mode=memory", "in memory"),
            ("sqlite://a.db?mode=ro", "`mode=ro`"),
            ("sqlite://a.db?mode=rwx", "`mode=rwx`"),
            ("sqlite://a.db?cache=shared", "`cache=shared`"),
            ("sqlite://a.db?immutable=1", "`immutable=1`"),
            ("sqlite://a.db?vfs=unix-none", "`vfs`"),
            ("sqlite://a.db?synchronous=off", "`synchronous`"),
            ("sqlite://%FF.db", "not UTF-8"),
        ] {
            assert!(error(address).contains(says), "{address}: {}", error(address));
        }
    }

    #[test]
    fn a_parameter_that_would_be_ignored_is_refused() {
        for (address, says) in [
            ("postgres://u@h/d?ssl_mode=verify-full", "`ssl_mode`"),
            ("postgres://u@h/d?connect_timeout=3", "`connect_timeout`"),
            ("mysql://u@h/d?sslrootcert=ca.pem", "`sslrootcert`"),
            ("mysql://u@h/d?timezone=%2B08:00", "`--time-zone`"),
            ("mysql://u@h/d?options[a]=b", "`options[a]`"),
            ("postgres:u@h/d", "`//`"),
            ("postgres://u@h/d#x", "`#`"),
            ("postgres://u@h /d", "white space"),
        ] {
            assert!(error(address).contains(says), "{address}: {}", error(address));
        }
        for address in [
            "postgres://u:p@h:5432/d",
            "postgresql://u@[::1]:5432/d?application_name=a&options[search_path]=dtm&options=-c%20a%3Db",
            "postgres:///d?host=/run/postgresql&user=u%40h",
            "mysql://u:p@@h:3306/d?charset=utf8mb4",
            "mariadb://h/d?ssl-mode=PREFERRED",
        ] {
            Address::parse(address).expect(address);
        }
    }

    #[test]
    fn each_of_several_hosts_gets_an_address() {
        let hosts = |address: &str| match Address::parse(address) {
            Ok(Address::Postgres(hosts) | Address::Mysql(hosts)) => hosts,
            other => panic!("{address}: {other:?}"),
        };
        assert_eq!(
            hosts("postgres://u:p,w@a:5432,[::1]:5433,c/d?sslmode=disable"),
            [
                "postgres://u:p,w@a:5432/d?sslmode=disable",
                "postgres://u:p,w@[::1]:5433/d?sslmode=disable",
                "postgres://u:p,w@c/d?sslmode=disable"
            ]
        );
        assert_eq!(hosts("mysql://a,b:3307/d"), ["mysql://a/d", "mysql://b:3307/d"]);
        assert_eq!(hosts("postgres:///d?host=/run/postgresql"), ["postgres:///d?host=/run/postgresql"]);
        for (address, says) in [
            ("postgres://u@a:1,,b:1/d", "between two commas"),
            ("postgres://u@a:1,/d", "between two commas"),
            ("postgres://u@a:1,b:1/d?host=c", "`host`"),
            ("postgres:///d?host=a,b", "`host`"),
            ("mysql://a,b/d?socket=/s", "`socket`"),
        ] {
            assert!(error(address).contains(says), "{address}: {}", error(address));
        }
    }

    #[test]
    fn no_part_of_a_password_is_shown() {
        for address in [
            "postgres://u:sec/ret@h/d",
            "postgres://u:sec?ret@h/d",
            "postgres://u:sec#ret@h/d",
            "postgres://u:12/sec@h/d",
            "postgres://u:12?sec=ret@h/d",
            "postgres://u:12#sec@h/d",
            "mysql:u:sec@h/d",
            "mysql:/u:sec@h/d",
            "pstgres://u:sec@h/d",
            "u:sec@h/d",
            "sec@h",
            "sec",
            "",
            "sec://u:p@h/d",
        ] {
            let error =
                Address::parse(address).map_or_else(|error| error.to_string(), |address| format!("{address:?}"));
            let shown = error.contains("sec") || error.contains("12") || error.contains("ret");
            assert!(!shown, "{address}: {error}");
        }
    }

    #[test]
    fn a_certificate_is_checked_or_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.pem");
        std::fs::write(&file, "").unwrap();
        let file = file.to_str().unwrap();
        let wanting = |parameters: &str| error(&format!("postgres://u@h/d?{parameters}"));
        if cfg!(feature = "tls") {
            assert!(wanting(&format!("sslrootcert={file}")).contains("checked only where"));
            assert!(wanting(&format!("sslmode=require&sslrootcert={file}")).contains("checked only where"));
            assert!(wanting(&format!("sslmode=require&sslcert={file}")).contains("together"));
            assert!(wanting("sslmode=verify-full&sslrootcert=/no/ca.pem").contains("/no/ca.pem"));
            for address in [
                format!("postgres://u@h/d?sslmode=verify-ca&sslrootcert={file}&sslcert={file}&sslkey={file}"),
                format!("mysql://u@h/d?ssl-mode=VERIFY_IDENTITY&ssl-ca={file}"),
            ] {
                Address::parse(&address).expect(&address);
            }
        } else {
            for parameters in ["sslmode=require", "sslmode=verify-full", "sslcert=a&sslkey=b", "ssl-mode=VERIFY-CA"] {
                assert!(wanting(parameters).contains("feature `tls`"), "{parameters}");
            }
            for parameters in ["sslmode=prefer", "sslmode=disable"] {
                Address::parse(&format!("postgres://u@h/d?{parameters}")).expect(parameters);
            }
        }
    }
}
