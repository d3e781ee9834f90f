//! PostgreSQL over TLS.

use branchwire_tests::certificates::{Authority, ClientFiles, in_address};
use branchwire_tests::server::{self, Server};
use sqlx::{Connection, PgConnection};

use crate::{open, with};

/// A server whose certificate is for `localhost`.
async fn server(authority: &Authority) -> Option<Server> {
    server::postgres_with_tls(&authority.server("localhost")).await
}

#[tokio::test]
async fn a_certificate_of_the_given_authority_is_verified() {
    let authority = Authority::new();
    let Some(server) = server(&authority).await else { return };
    let file = authority.file();
    let root = format!("sslrootcert={}", in_address(&file));
    let full = with(server.url(), "localhost", &format!("sslmode=verify-full&{root}"));
    open(&full).await.unwrap();
    open(&with(server.url(), "127.0.0.1", &format!("sslmode=verify-ca&{root}"))).await.unwrap();
    open(&with(server.url(), "127.0.0.1", "sslmode=require")).await.unwrap();
    open(server.url().as_str()).await.unwrap();

    let mut connection = PgConnection::connect(&full).await.unwrap();
    let (encrypted, version): (bool, String) =
        sqlx::query_as("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert!(encrypted && version == "TLSv1.3", "{version}");
    let error = open(&with(server.url(), "127.0.0.1", "sslmode=disable")).await.unwrap_err();
    assert!(error.contains("no pg_hba.conf entry"), "the server takes nothing else: {error}");
}

#[tokio::test]
async fn a_certificate_of_another_authority_or_for_another_name_is_refused() {
    let authority = Authority::new();
    let Some(server) = server(&authority).await else { return };
    let (file, other) = (authority.file(), Authority::new());
    let other_file = other.file();
    let (root, other) = (in_address(&file), in_address(&other_file));
    for (host, parameters, says) in [
        ("localhost", format!("sslmode=verify-full&sslrootcert={other}"), "UnknownIssuer"),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={other}"), "UnknownIssuer"),
        ("localhost", "sslmode=verify-full".to_owned(), "UnknownIssuer"),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={root}"), "not valid for name"),
    ] {
        let error = open(&with(server.url(), host, &parameters)).await.expect_err(&parameters);
        assert!(error.contains(says), "{host} {parameters}: {error}");
    }
}

#[tokio::test]
async fn a_client_logs_in_by_its_certificate() {
    let authority = Authority::new();
    let Some(server) = server(&authority).await else { return };
    let mut admin = PgConnection::connect(server.url().as_str()).await.unwrap();
    for statement in ["CREATE ROLE certified LOGIN", "CREATE DATABASE certified OWNER certified"] {
        sqlx::raw_sql(statement).execute(&mut admin).await.unwrap();
    }
    let mut url = server.url().clone();
    url.set_username("certified").unwrap();
    url.set_password(None).unwrap();
    url.set_path("certified");

    let file = authority.file();
    let root = format!("sslmode=verify-full&sslrootcert={}", in_address(&file));
    let (ours, theirs) = (authority.client("certified"), Authority::new().client("certified"));
    let shown = |client: &ClientFiles| {
        format!("{root}&sslcert={}&sslkey={}", in_address(&client.certificate), in_address(&client.key))
    };
    open(&with(&url, "localhost", &shown(&ours))).await.unwrap();
    open(&with(&url, "localhost", &root)).await.unwrap_err();
    open(&with(&url, "localhost", &shown(&theirs))).await.unwrap_err();
    open(&with(&url, "localhost", &shown(&authority.client("another")))).await.unwrap_err();
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let Some(server) = server::postgres().await else { return };
    let error = open(&with(server.url(), "127.0.0.1", "sslmode=require")).await.unwrap_err();
    assert!(error.contains("does not support TLS"), "{error}");
}
