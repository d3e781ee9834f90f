// A list of branches as one branch.

use branchwire::prelude::*;

pub async fn send(client: Client) -> Result<(), Box<dyn std::error::Error>> {
    let branches: Vec<branchwire::MsgBranch> = Vec::new();
    client.msg(branches).submit().await?;
    Ok(())
}

fn main() {}
