//! The processes of the play, and what is needed to look at them.

use std::path::Path;
use std::time::Duration;

use branchwire::protocol::QueryAnswer;
use branchwire::{Client, Gid};
use branchwire_examples::stage::{Error, Process, Relay, say};
use branchwire_examples::trip::{Answer, Trip};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::Play;
use crate::rows::{Database, Databases, Rows};

/// How long a scenario may take until its transaction has ended. A DTM server with its own settings waits 10, 20 and 40
/// seconds between four calls of a compensation.
const PATIENCE: Duration = Duration::from_secs(150);

/// How the agency books a trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pattern {
    Saga,
    Tcc,
}

/// Says what the agency has answered, which must be this.
pub(crate) fn told(answer: Option<Answer>, expected: Answer) -> Result<(), Error> {
    match &answer {
        Some(answer) => say(&format!("the agency answers its customer: {}", serde_json::to_string(answer)?)),
        None => say("the agency gives its customer no answer"),
    }
    let as_expected = answer == Some(expected);
    if as_expected { Ok(()) } else { Err(format!("the customer should have been told {expected:?}").into()) }
}

/// Everyone on the stage. The coordinator and the agency reach the services through relays, at which calls can fail.
pub(crate) struct Stage {
    /// None if it is not ours.
    pub(crate) coordinator: Option<Process>,
    pub(crate) hotel: Process,
    pub(crate) airline: Process,
    pub(crate) bank: Process,
    pub(crate) agency: Process,
    pub(crate) line_to_hotel: Relay,
    pub(crate) line_to_airline: Relay,
    pub(crate) line_to_bank: Relay,
    pub(crate) databases: Databases,
    pub(crate) client: Client,
    http: reqwest::Client,
}

impl Stage {
    pub(crate) async fn set(play: &Play, dir: &Path) -> Result<Self, Error> {
        let sqlite = |name: &str| format!("sqlite://{}", dir.join(name).display());
        let database = |name: &str| play.database.clone().unwrap_or_else(|| sqlite(name));
        let of = [database("hotel.db"), database("airline.db"), database("bank.db"), database("agency.db")];

        let (coordinator, coordinator_url) = if let Some(url) = &play.coordinator {
            (None, url.clone())
        } else {
            let store = sqlite("coordinator.db");
            // Short intervals, so that the play is short as well.
            let timing = ["--timeout-to-fail", "3s", "--retry-interval", "1s", "--cron-interval", "1s"];
            let options = ["coordinator", "--store", &store].into_iter().chain(timing);
            let process = Process::start("the coordinator", dir, options).await?;
            let url = process.url.clone();
            (Some(process), url)
        };
        let client = Client::new(&coordinator_url)?;
        if let Err(error) = client.version().await {
            eprintln!(
                "trip: no coordinator answers at {coordinator_url}: start one there, or leave `--coordinator` away"
            );
            return Err(error.into());
        }
        let hotel = Process::start("the hotel", dir, ["hotel", "--database", &of[0]]).await?;
        let airline = Process::start("the airline", dir, ["airline", "--database", &of[1]]).await?;
        let bank = Process::start("the bank", dir, ["bank", "--database", &of[2]]).await?;
        let (line_to_hotel, line_to_airline) = (Relay::open(&hotel.url).await?, Relay::open(&airline.url).await?);
        let line_to_bank = Relay::open(&bank.url).await?;
        let links = ["--coordinator", &coordinator_url, "--hotel", &line_to_hotel.url];
        let links = links.into_iter().chain(["--airline", &line_to_airline.url, "--bank", &line_to_bank.url]);
        let agency = ["agency", "--database", &of[3]].into_iter().chain(links);
        let agency = Process::start("the agency", dir, agency).await?;
        Ok(Self {
            coordinator,
            hotel,
            airline,
            bank,
            agency,
            line_to_hotel,
            line_to_airline,
            line_to_bank,
            databases: Databases {
                hotel: Database::open(&of[0]).await?,
                airline: Database::open(&of[1]).await?,
                bank: Database::open(&of[2]).await?,
                agency: Database::open(&of[3]).await?,
            },
            client,
            http: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    pub(crate) fn show_cast(&self, dir: Option<&Path>) {
        let kept = dir.map_or("a temporary directory".to_owned(), |dir| dir.display().to_string());
        println!(
            "An agency books trips at a hotel, an airline and a bank, a database each; databases and logs in {kept}."
        );
        let services = [&self.hotel, &self.airline, &self.bank, &self.agency];
        for process in self.coordinator.iter().chain(services) {
            println!("   {:<15} {}  process {}", process.name, process.url, process.id());
        }
    }

    /// A customer sends an order to the agency, and gets its answer, if one comes.
    pub(crate) fn send(&self, trip: &Trip, by: Pattern) -> JoinHandle<Option<Answer>> {
        let route = match by {
            Pattern::Saga => "book-trip",
            Pattern::Tcc => "hold-trip",
        };
        let request = self.http.post(format!("{}/api/agency/{route}", self.agency.url)).json(trip);
        tokio::spawn(async { request.send().await.ok()?.json().await.ok() })
    }

    /// The same, and this is the answer.
    pub(crate) async fn order(&self, trip: &Trip, by: Pattern, expected: Answer) -> Result<(), Error> {
        told(self.send(trip, by).await?, expected)
    }

    /// Waits until the coordinator has the transaction with this status.
    pub(crate) async fn reaches(&self, gid: &Gid, status: &str) -> Result<QueryAnswer, Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.client.query(gid).await?;
            match answer.transaction.as_ref().map(|transaction| transaction.status.as_str()) {
                Some(is) if is == status => return Ok(answer),
                Some(ended @ ("succeed" | "failed")) => {
                    return Err(format!("the trip ended `{ended}`, not `{status}`").into());
                }
                _ if Instant::now() > deadline => return Err(format!("the trip did not become `{status}`").into()),
                // The state lies in another process, which does not tell of changes.
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Shows the rows of all services.
    pub(crate) async fn show(&self, when: &str) -> Result<Rows, Error> {
        let rows = self.databases.rows().await?;
        println!("   {when:<7} {rows}");
        Ok(rows)
    }

    /// After a scenario that went wrong: everyone runs again, for the next.
    pub(crate) async fn mend(&mut self) -> Result<(), Error> {
        let services = [&mut self.hotel, &mut self.airline, &mut self.bank, &mut self.agency];
        for process in self.coordinator.iter_mut().chain(services) {
            if !process.is_running() {
                process.restart().await?;
            }
        }
        Ok(())
    }
}
