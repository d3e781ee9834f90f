//! A bank of the example, as a process of its own.

use std::process::ExitCode;

use branchwire::Client;
use branchwire_examples::banks::{self, Links};
use branchwire_examples::stage;
use tokio::net::TcpListener;

use super::options::Sending;

/// One of the example's banks: bank A if it has a bank B, and bank B otherwise.
#[derive(Debug, clap::Args)]
pub(crate) struct Bank {
    /// Its database.
    #[arg(long)]
    database: String,
    /// Where bank B is.
    #[arg(long = "bank-b", requires = "coordinator")]
    credits_at: Option<String>,
    /// Where the coordinator is.
    #[arg(long, requires = "credits_at")]
    coordinator: Option<String>,
    /// How it sends.
    #[arg(long, value_enum, default_value_t)]
    sends: Sending,
}

impl Bank {
    /// Runs it until it is killed.
    pub(crate) fn run(self) -> ExitCode {
        stage::run("load", self.serve())
    }

    async fn serve(self) -> Result<ExitCode, stage::Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let routes = match (self.credits_at, self.coordinator) {
            (Some(bank_b), Some(coordinator)) => {
                let client = Client::new(coordinator)?;
                let links = Links { client, bank_a: url.clone(), bank_b, notary: None, sends: self.sends.into() };
                banks::open_bank_a(&self.database, links).await?
            }
            _ => banks::open_bank_b(&self.database).await?,
        };
        println!("listening on {url}");
        axum::serve(listener, routes).await?;
        Ok(ExitCode::SUCCESS)
    }
}
