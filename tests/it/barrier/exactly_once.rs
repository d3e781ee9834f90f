//! A branch applies once, in whatever order and however often its calls come.

use branchwire::protocol::{BranchId, Gid, Op, TransType};
use branchwire::simulation::{self, BarrierKey, Entry, RepeatError};
use branchwire::{Fault, Reply};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};
use branchwire_tests::service::Service;
use futures_util::future::join_all;

crate::each::on_each_database! {
    a_hundred_concurrent_identical_calls_apply_once,
    a_repeat_succeeds_and_does_not_run,
    another_transaction_is_no_repeat,
    an_action_and_then_its_compensation_both_run,
    a_late_action_after_its_compensation_does_nothing,
    a_repeated_compensation_runs_once,
    an_op_with_a_name_of_its_own_applies_once,
    an_action_and_its_compensation_at_once_leave_nothing,
    barrier_rows_are_those_that_dtm_writes,
}

/// Each op that undoes another, with the one that it undoes.
static UNDOING: [(TransType, Op, Op); 3] = [
    (TransType::Tcc, Op::Try, Op::Cancel),
    (TransType::Saga, Op::Action, Op::Compensate),
    (TransType::Xa, Op::Action, Op::Rollback),
];

fn crediting<DB: BankDriver>(bank: &Bank<DB>) -> Service {
    Service::new(bank, |tx, amount| Box::pin(async move { Ok(DB::credit(tx, ACCOUNT, amount).await?) }))
}

pub(super) async fn a_hundred_concurrent_identical_calls_apply_once<DB: BankDriver>(bank: Bank<DB>) {
    let (service, gid) = (crediting(&bank), Gid::random());
    let replies = join_all((0..100).map(|_| service.call(&gid, 30))).await;
    assert_eq!(replies, [Reply::Success; 100]);
    assert_eq!(bank.balance(ACCOUNT).await, 30);
}

async fn a_repeat_succeeds_and_does_not_run<DB: BankDriver>(bank: Bank<DB>) {
    let (service, gid) = (crediting(&bank), Gid::random());
    assert_eq!(service.call(&gid, 30).await, Reply::Success);
    // A call's payload does not matter for whether it is a repeat.
    assert_eq!(service.call(&gid, 31).await, Reply::Success);
    assert_eq!(bank.balance(ACCOUNT).await, 30);
}

async fn another_transaction_is_no_repeat<DB: BankDriver>(bank: Bank<DB>) {
    let service = crediting(&bank);
    assert_eq!(service.call(&Gid::random(), 30).await, Reply::Success);
    assert_eq!(service.call(&Gid::random(), 12).await, Reply::Success);
    assert_eq!(bank.balance(ACCOUNT).await, 42);
}

async fn an_action_and_then_its_compensation_both_run<DB: BankDriver>(bank: Bank<DB>) {
    for (trans_type, action, undo) in &UNDOING {
        let gid = Gid::random();
        assert_eq!(call(&bank, &gid, trans_type, action, 30).await, Entry::Run);
        assert_eq!(bank.balance(ACCOUNT).await, 30);
        assert_eq!(call(&bank, &gid, trans_type, undo, -30).await, Entry::Run);
        assert_eq!(bank.balance(ACCOUNT).await, 0);
    }
}

async fn a_late_action_after_its_compensation_does_nothing<DB: BankDriver>(bank: Bank<DB>) {
    for (trans_type, action, undo) in &UNDOING {
        let gid = Gid::random();
        assert_eq!(call(&bank, &gid, trans_type, undo, -30).await, Entry::NothingToUndo);
        assert_eq!(call(&bank, &gid, trans_type, action, 30).await, Entry::Repeat);
        // A repeated undo does not count as the first one after an action.
        assert_eq!(call(&bank, &gid, trans_type, undo, -30).await, Entry::Repeat);
    }
    assert_eq!(bank.balance(ACCOUNT).await, 0);
}

async fn a_repeated_compensation_runs_once<DB: BankDriver>(bank: Bank<DB>) {
    for (trans_type, action, undo) in &UNDOING {
        let gid = Gid::random();
        assert_eq!(call(&bank, &gid, trans_type, action, 30).await, Entry::Run);
        assert_eq!(call(&bank, &gid, trans_type, undo, -30).await, Entry::Run);
        assert_eq!(call(&bank, &gid, trans_type, undo, -30).await, Entry::Repeat);
        assert_eq!(call(&bank, &gid, trans_type, action, 30).await, Entry::Repeat);
    }
    assert_eq!(bank.balance(ACCOUNT).await, 0);
}

async fn an_op_with_a_name_of_its_own_applies_once<DB: BankDriver>(bank: Bank<DB>) {
    let (gid, buy, sell) = (Gid::random(), "buy@2".parse().unwrap(), "sell".parse().unwrap());
    let mut entries = Vec::new();
    for op in [&buy, &buy, &sell] {
        entries.push(call(&bank, &gid, &TransType::Workflow, op, 30).await);
    }
    assert_eq!(entries, [Entry::Run, Entry::Repeat, Entry::Run]);
    assert_eq!(bank.balance(ACCOUNT).await, 60);
}

async fn an_action_and_its_compensation_at_once_leave_nothing<DB: BankDriver>(bank: Bank<DB>) {
    let transactions = (0..20).map(async |number| {
        let (gid, (trans_type, action, undo)) = (Gid::random(), &UNDOING[number % UNDOING.len()]);
        let calls = [(undo, -30), (action, 30), (undo, -30), (action, 30)];
        join_all(calls.map(|(op, amount)| call(&bank, &gid, trans_type, op, amount))).await
    });
    for entries in join_all(transactions).await {
        let ran = |entries: [Entry; 2]| entries.contains(&Entry::Run);
        let (undone, done) = ([entries[0], entries[2]], [entries[1], entries[3]]);
        assert_eq!(ran(done), ran(undone), "{entries:?}");
        assert_eq!(ran(done), !undone.contains(&Entry::NothingToUndo), "{entries:?}");
    }
    assert_eq!(bank.balance(ACCOUNT).await, 0);
}

async fn barrier_rows_are_those_that_dtm_writes<DB: BankDriver>(bank: Bank<DB>) {
    let row = |trans_type: &str, op: &str, reason: &str| {
        (trans_type.to_owned(), "01".to_owned(), op.to_owned(), "01".to_owned(), reason.to_owned())
    };
    let gid = Gid::random();
    assert_eq!(crediting(&bank).call(&gid, 30).await, Reply::Success);
    assert_eq!(bank.barrier_rows(&gid).await, [row("msg", "action", "action")]);

    let gid = Gid::random();
    call(&bank, &gid, &TransType::Tcc, &Op::Cancel, -30).await;
    assert_eq!(bank.barrier_rows(&gid).await, [row("tcc", "cancel", "cancel"), row("tcc", "try", "cancel")]);
}

/// Calls a branch that credits the account, as its handler does.
async fn call<DB: BankDriver>(bank: &Bank<DB>, gid: &Gid, trans_type: &TransType, op: &Op, amount: i64) -> Entry {
    let key = BarrierKey {
        gid: gid.clone(),
        branch_id: BranchId::new("01").unwrap(),
        op: op.clone(),
        trans_type: *trans_type,
    };
    loop {
        match attempt(bank, &key, amount).await {
            Ok(entry) => return entry,
            Err(error) => assert_eq!(Fault::of::<DB>(&error), Fault::Conflict, "{error}"),
        }
    }
}

async fn attempt<DB: BankDriver>(bank: &Bank<DB>, key: &BarrierKey, amount: i64) -> Result<Entry, sqlx::Error> {
    let (mut tx, entry) = simulation::enter(bank, key).await?;
    match entry {
        Entry::Repeat => match simulation::leave_repeat(tx, bank, key).await {
            Ok(_) => {}
            Err(RepeatError::Database(error)) => return Err(error),
            Err(error @ RepeatError::Incomplete) => panic!("{error}"),
        },
        Entry::NothingToUndo => tx.commit().await.unwrap(),
        Entry::NothingToConfirm => tx.rollback().await.unwrap(),
        Entry::Run => {
            DB::credit(&mut tx, ACCOUNT, amount).await?;
            tx.commit().await.unwrap();
        }
    }
    Ok(entry)
}
