//! MariaDB over TLS.

use branchwire_tests::certificates::{Authority, ClientFiles, in_address};
use branchwire_tests::server::{self, Server};
use sqlx::{Connection, MySqlConnection};

use crate::{open, with};

/// A server whose certificate is for `localhost`.
async fn server(authority: &Authority) -> Option<Server> {
    server::mysql_with_tls(&authority.server("localhost")).await
}

#[tokio::test]
async fn a_certificate_of_the_given_authority_is_verified() {
    let authority = Authority::new();
    let Some(server) = server(&authority).await else { return };
    let file = authority.file();
    let root = format!("ssl-ca={}", in_address(&file));
    let full = with(server.url(), "localhost", &format!("ssl-mode=VERIFY_IDENTITY&{root}"));
    open(&full).await.unwrap();
    open(&with(server.url(), "127.0.0.1", &format!("ssl-mode=VERIFY_CA&{root}"))).await.unwrap();
    open(&with(server.url(), "127.0.0.1", "ssl-mode=REQUIRED")).await.unwrap();
    open(server.url().as_str()).await.unwrap();

    let mut connection = MySqlConnection::connect(&full).await.unwrap();
    let (_, version): (String, String) =
        sqlx::query_as("SHOW STATUS LIKE 'Ssl_version'").fetch_one(&mut connection).await.unwrap();
    assert_eq!(version, "TLSv1.3");
    let error = open(&with(server.url(), "127.0.0.1", "ssl-mode=DISABLED")).await.unwrap_err();
    // MariaDB 10.11 says no more than that to who comes without TLS.
    assert!(error.contains("Access denied"), "the server takes nothing else: {error}");
}

#[tokio::test]
async fn a_certificate_of_another_authority_or_for_another_name_is_refused() {
    let authority = Authority::new();
    let Some(server) = server(&authority).await else { return };
    let (file, other) = (authority.file(), Authority::new());
    let other_file = other.file();
    let (root, other) = (in_address(&file), in_address(&other_file));
    for (host, parameters, says) in [
        ("localhost", format!("ssl-mode=VERIFY_IDENTITY&ssl-ca={other}"), "UnknownIssuer"),
        ("localhost", format!("ssl-mode=VERIFY_CA&ssl-ca={other}"), "UnknownIssuer"),
        ("localhost", "ssl-mode=VERIFY_IDENTITY".to_owned(), "UnknownIssuer"),
        ("127.0.0.1", format!("ssl-mode=VERIFY_IDENTITY&ssl-ca={root}"), "not valid for name"),
    ] {
        let error = open(&with(server.url(), host, &parameters)).await.expect_err(&parameters);
        assert!(error.contains(says), "{host} {parameters}: {error}");
    }
}

#[tokio::test]
async fn a_client_logs_in_by_its_certificate() {
    let authority = Authority::new();
    let Some(server) = server(&authority).await else { return };
    let mut admin = MySqlConnection::connect(server.url().as_str()).await.unwrap();
    sqlx::raw_sql(
        "CREATE USER certified@'%' IDENTIFIED BY 'secret' REQUIRE X509; GRANT ALL ON *.* TO certified@'%'; \
         CREATE DATABASE certified",
    )
    .execute(&mut admin)
    .await
    .unwrap();
    let mut url = server.url().clone();
    url.set_username("certified").unwrap();
    url.set_password(Some("secret")).unwrap();
    url.set_path("certified");

    let file = authority.file();
    let root = format!("ssl-mode=VERIFY_IDENTITY&ssl-ca={}", in_address(&file));
    let (ours, theirs) = (authority.client("certified"), Authority::new().client("certified"));
    let shown = |client: &ClientFiles| {
        format!("{root}&ssl-cert={}&ssl-key={}", in_address(&client.certificate), in_address(&client.key))
    };
    open(&with(&url, "localhost", &shown(&ours))).await.unwrap();
    open(&with(&url, "localhost", &root)).await.unwrap_err();
    open(&with(&url, "localhost", &shown(&theirs))).await.unwrap_err();
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let Some(server) = server::mysql().await else { return };
    let error = open(&with(server.url(), "127.0.0.1", "ssl-mode=REQUIRED")).await.unwrap_err();
    assert!(error.contains("does not support TLS"), "{error}");
}
