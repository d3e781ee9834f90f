//! A saga over services in other languages: both halves of each pair are declared, and nothing is hosted.

use branchwire::SagaStep;
use branchwire::prelude::*;

/// A company has declared them once.
pub mod contracts {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize)]
    pub struct Seat {
        pub flight: String,
    }

    #[derive(Debug, Serialize, Deserialize)]
    pub struct Ticket(pub i64);

    #[branchwire::service("/v1/airline", remote)]
    pub mod airline {
        use super::{Seat, Ticket};
        use branchwire::prelude::*;

        /// Sells a seat.
        #[saga_action("/sell")]
        pub fn sell(seat: Seat) -> Ticket;

        /// Takes it back.
        #[saga_compensate("/take-back", of = sell)]
        pub fn take_back(seat: Seat);

        /// Is there any?
        #[saga_action(nothing_to_undo)]
        pub fn has_seats(seat: Seat);
    }
}

use contracts::{Seat, airline};

async fn fly(client: &Client, airline: &airline::Remote) -> Result<Gid, Box<dyn std::error::Error + Send + Sync>> {
    let seat = Seat { flight: "BW 7".to_owned() };
    let taxi = SagaStep::url("http://taxi/book", Some("http://taxi/cancel"), &seat)?;
    let done = client.saga(airline.has_seats(&seat)).then(airline.sell(&seat)).and(taxi).submit().await?;
    Ok(done.gid().clone())
}

#[tokio::test]
async fn it_is_sent_by_who_hosts_nothing() {
    let client = Client::new("http://127.0.0.1:9").unwrap();
    let airline = contracts::airline::at("https://airline.example").unwrap();
    assert!(fly(&client, &airline).await.is_err());
    // Steps of different values in one list.
    let seat = Seat { flight: "BW 8".to_owned() };
    let steps = [airline.sell(&seat).untyped(), airline.has_seats(&seat)];
    assert!(client.saga_all(steps).is_ok());
    assert_eq!(airline::ROUTES[1].path, "/v1/airline/take-back");
}
