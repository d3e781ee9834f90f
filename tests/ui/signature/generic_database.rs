// A branch is generic over its database.

use branchwire::prelude::*;

#[msg_branch]
pub async fn trans_in<D: Database>(_: &mut Tx<D>) -> Result<(), Retry> {
    Ok(())
}

fn main() {}
