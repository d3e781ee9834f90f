// A branch has no arguments.

use branchwire::prelude::*;

#[msg_branch]
pub async fn trans_in() -> Result<(), Retry> {
    Ok(())
}

fn main() {}
