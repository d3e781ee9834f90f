// An address is given as a branch.

use branchwire::prelude::*;

fn send(client: Client) {
    let _ = client.msg("http://bank-b:8080/api/bank-b/trans-in");
}

fn main() {}
