//! A remote is kept in a state, and handed on.

use branchwire::prelude::*;

#[branchwire::service("/bank", remote)]
pub mod bank {
    use branchwire::msg_branch;

    #[msg_branch]
    pub fn trans_in(amount: i64);
}

#[derive(Clone, Debug)]
struct App {
    bank: bank::Remote,
    client: Client,
}

#[test]
fn it_is_clone_debug_send_and_sync() {
    fn state<S: Clone + std::fmt::Debug + Send + Sync + 'static>(_: &S) {}
    let app = App { bank: bank::at("http://bank").unwrap(), client: Client::new("http://localhost:36789").unwrap() };
    state(&app);
    let _ = app.client.msg(app.bank.trans_in(&30)).add(app.bank.trans_in(&40));
}
