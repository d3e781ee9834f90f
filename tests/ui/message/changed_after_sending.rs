// A message that is changed after it was sent.

use branchwire::prelude::*;

pub async fn send(client: Client) -> Result<(), Box<dyn std::error::Error>> {
    let message = client.msg(branchwire::MsgBranch::topic("transfers", &30));
    message.submit().await?;
    let _ = message.concurrent();
    Ok(())
}

fn main() {}
