//! The notary: a service that knows nothing of Branchwire, as one in another language would not.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Query, State};
use axum::routing::post;
use axum::{Json, Router};
use branchwire_examples::notary::Notice;
use branchwire_examples::stage::Error;
use serde::Deserialize;
use tokio::net::TcpListener;

/// A notary's office. It writes down which transfers it was told of: a set, so that it may be told twice.
pub(crate) struct Notary {
    /// Where it can be reached.
    pub(crate) url: String,
    book: Book,
}

type Book = Arc<Mutex<BTreeSet<String>>>;

/// The parameters of a coordinator's call.
#[derive(Deserialize)]
struct Call {
    gid: String,
}

impl Notary {
    pub(crate) async fn open() -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let book = Book::default();
        let routes = Router::new().route("/api/notary/transferred", post(transferred)).with_state(book.clone());
        tokio::spawn(async { axum::serve(listener, routes).await });
        Ok(Self { url, book })
    }

    /// Whether it was told of this transfer.
    pub(crate) fn knows(&self, gid: &str) -> bool {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).contains(gid)
    }
}

async fn transferred(State(book): State<Book>, Query(call): Query<Call>, Json(_): Json<Notice>) {
    book.lock().unwrap_or_else(PoisonError::into_inner).insert(call.gid);
}
