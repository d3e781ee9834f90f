//! Hosting the pairs of a contract that stands in a crate of its own, and calling them by it.

use branchwire::prelude::*;
use branchwire::tcc::CallError;
use branchwire_ui_renamed::{Wish, airline};

#[derive(Clone, Database)]
pub struct Seats(sqlx::SqlitePool);

#[branchwire::service(implements = branchwire_ui_renamed::airline)]
pub mod hosted {
    use super::*;

    #[saga_action]
    pub async fn book(_: &mut Tx<Seats>, wish: Wish) -> Result<i64, BranchError> {
        (wish.flight > 0).then_some(7).or_refuse("no such flight")
    }

    /// What is kept is the host's own matter: the contract does not name it here.
    #[saga_compensate(of = book)]
    pub async fn cancel(_: &mut Tx<Seats>, _: Wish, Kept(_): Kept<i64>) -> Result<(), Retry> {
        Ok(())
    }

    #[tcc_try]
    pub async fn hold(_: &mut Tx<Seats>, _: BranchContext, _: Wish) -> Result<(), BranchError> {
        Ok(())
    }

    #[tcc_confirm(of = hold)]
    pub async fn take(_: &mut Tx<Seats>, _: Wish) -> Result<(), Retry> {
        Ok(())
    }

    #[tcc_cancel(of = hold)]
    pub async fn release(_: &mut Tx<Seats>, _: Wish) -> Result<(), Retry> {
        Ok(())
    }
}

async fn fly(client: &Client, airline: &airline::Remote) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let wish = Wish { flight: 7 };
    let _ = client.saga(airline.book(&wish)).run().await?;
    let _ = client.tcc().run(async |tcc| Ok::<_, CallError>(tcc.call(airline.hold(&wish)).await?)).await?;
    Ok(())
}

#[tokio::test]
async fn the_paths_and_pairs_are_those_of_the_other_crate() {
    let known = |routes: &'static [branchwire::Route]| routes.iter().map(|route| (route.path, route.of));
    assert!(known(hosted::ROUTES).eq(known(airline::ROUTES)));
    let _: axum::Router<Seats> = hosted::router();
    let (client, airline) = (Client::new("http://127.0.0.1:9").unwrap(), airline::at("http://airline").unwrap());
    assert!(fly(&client, &airline).await.is_err());
}
