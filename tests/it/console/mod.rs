//! The console: what its pages show, and to whom; and that no text from outside becomes markup.

mod access;
mod acts;
mod coordinators;
mod hostile;
mod pages;
mod stuck;

use branchwire_coordinator::{Console, Coordinator};
use branchwire_tests::database::TestDatabase;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};

use crate::coordinator::Running;

pub(crate) const ACT: &str = "act-act-act-act-act-act-act-act-";
pub(crate) const LOOK: &str = "look-look-look-look-look-look-lo";

/// A coordinator with a console, and a client that handles cookies itself and follows no redirects.
pub(crate) struct Site {
    pub(crate) coordinator: Running,
    client: Client,
    cookie: String,
    /// Dropped last.
    _database: TestDatabase,
}

impl Site {
    /// Without tokens.
    async fn open() -> Self {
        Self::start(Console::new(), false).await
    }

    /// With both kinds of tokens, logged in with this one.
    async fn with_token(token: &str) -> Self {
        let mut site = Self::start(Console::new().look_tokens(LOOK.parse().expect("a token")), true).await;
        let form = [("token", token)];
        let response = site.form("/console/login", &form).send().await.expect("an answer");
        assert_eq!(response.status(), 303);
        let cookie = response.headers()["set-cookie"].to_str().expect("text");
        for part in ["HttpOnly", "SameSite=Lax", "Path=/console"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        cookie.split(';').next().expect("a part").clone_into(&mut site.cookie);
        site
    }

    async fn start(console: Console, tokens: bool) -> Self {
        let database = TestDatabase::sqlite();
        let mut builder = Coordinator::builder().store(database.url()).console(console);
        if tokens {
            builder = builder.api_tokens(ACT.parse().expect("a token"));
        }
        let client = Client::builder().redirect(Policy::none()).build().expect("a client");
        Self { coordinator: Running::start(builder).await, client, cookie: String::new(), _database: database }
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.coordinator.url);
        self.client.request(method.parse().expect("a method"), url).header("cookie", &self.cookie)
    }

    fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.request("POST", path).header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    async fn get(&self, path: &str) -> Response {
        self.request("GET", path).send().await.expect("an answer")
    }

    /// A page that must exist.
    async fn page(&self, path: &str) -> String {
        let response = self.get(path).await;
        let status = response.status();
        let text = response.text().await.expect("text");
        assert_eq!(status, 200, "{path}: {text}");
        text
    }

    /// Sends a form like those on the pages of this session.
    async fn post(&self, path: &str, from: &str, fields: &[(&str, &str)]) -> Response {
        let csrf = csrf(&self.page(from).await);
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", csrf.as_str())]).collect();
        self.form(path, &fields).send().await.expect("an answer")
    }

    async fn stop(self) {
        self.coordinator.stop().await;
    }
}

/// The token in a page's forms; empty if it has none.
fn csrf(page: &str) -> String {
    let field = page.split_once(r#"name="csrf" value=""#).map_or("", |(_, rest)| rest);
    field.split('"').next().unwrap_or_default().to_owned()
}
