// A branch's transaction does not name its database.

use branchwire::prelude::*;

#[msg_branch]
pub async fn trans_in(_: &mut Tx) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
