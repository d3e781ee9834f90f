// A message has no branch.

use branchwire::prelude::*;

fn send(client: Client) {
    let _ = client.msg();
}

fn main() {}
