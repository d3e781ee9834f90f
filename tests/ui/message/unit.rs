// A message to nothing.

use branchwire::prelude::*;

pub async fn send(client: Client) -> Result<(), Box<dyn std::error::Error>> {
    client.msg(()).submit().await?;
    Ok(())
}

fn main() {}
