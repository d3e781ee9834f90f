// The subscribers of a topic are sent something that cannot be written as JSON.

pub struct TransferIn {
    pub amount: i64,
}

fn send() {
    let _ = branchwire::MsgBranch::topic("transfers", &TransferIn { amount: 30 });
}

fn main() {}
