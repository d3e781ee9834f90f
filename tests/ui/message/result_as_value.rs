// The result of a message taken for that of its business.

use branchwire::prelude::*;

pub async fn send(client: Client) -> Result<(), Box<dyn std::error::Error>> {
    let amount: i64 = client.msg(branchwire::MsgBranch::topic("transfers", &30)).submit().await?;
    Ok(())
}

fn main() {}
