// A foreign branch is sent something that cannot be written as JSON.

pub struct TransferIn {
    pub amount: i64,
}

fn send() -> Result<(), branchwire::InvalidUrl> {
    let _ = branchwire::MsgBranch::url("http://elsewhere/in", &TransferIn { amount: 30 })?;
    Ok(())
}

fn main() {}
