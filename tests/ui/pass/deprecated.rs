//! A deprecated branch warns those who send to it, and not its service.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service("/bank")]
pub mod bank {
    use super::*;

    #[deprecated = "use `credit`"]
    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    #[deprecated]
    #[cfg_attr(all(), doc = "Older still.", inline)]
    pub async fn receive(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }
}

#[test]
fn it_is_served() {
    let _: axum::Router<Bank> = bank::router();
    #[expect(deprecated)]
    let _ = bank::at("http://bank").unwrap().trans_in();
    #[expect(deprecated)]
    let _ = branchwire::at::<bank::receive>("http://bank").unwrap();
}
