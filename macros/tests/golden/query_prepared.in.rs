#[query_prepared]
/// Has the local transaction of a transfer committed?
pub fn transfer_prepared(db: BankA);
