//! Changes after the creation of a transaction: appended branches, and new `ext_data`.

use branchwire::protocol::Status::{Failed, Prepared, Submitted, Succeed};
use branchwire::protocol::{BranchId, Gid, Op};
use branchwire_coordinator::engine::BranchOp;
use branchwire_coordinator::store::WriteOutcome::{Applied, Conflict};
use branchwire_coordinator::store::{Change, Row, Write};

use super::{Fixture, LONG, US, change, gid, message, prepared, submitted};

fn branch(id: &str, op: Op) -> BranchOp {
    BranchOp {
        branch_id: BranchId::new(id).expect("an id"),
        url: format!("http://branch.example/{op}?'=\\"),
        payload: format!("{{\"of\": \"{id} {op} \\u0000'\"}}").into_bytes().into(),
        op,
    }
}

/// The same change, which also appends branches and sets `ext_data`.
fn and(write: Write, appended: &[BranchOp], ext_data: Option<&str>) -> Write {
    let Write::Change(change) = write else { panic!("{write:?} is no change") };
    Write::Change(Change { appended: appended.to_vec(), ext_data: ext_data.map(str::to_owned), ..change })
}

/// Registers branches with a transaction that is prepared.
fn registers(gid: &Gid, branches: &[BranchOp]) -> Write {
    and(change(gid, (Prepared, ""), (Prepared, ""), LONG, &[]), branches, None)
}

fn ids(row: &Row) -> Vec<(&str, &str)> {
    row.branches.iter().map(|branch| (branch.branch_id.as_str(), branch.op.as_str())).collect()
}

async fn appended_branches_stand_behind_the_others_in_their_order(fixture: Fixture) {
    let gid = gid();
    fixture.write(prepared(&message(&gid, 2), LONG)).await;
    // Not in the order of their numbers, and two for each id.
    let first = [branch("09", Op::Confirm), branch("09", Op::Cancel)];
    let second = [branch("04", Op::Compensate), branch("04", Op::Action), branch("10", Op::Action)];
    assert_eq!(fixture.write(registers(&gid, &first)).await, Applied);
    assert_eq!(fixture.write(registers(&gid, &second)).await, Applied);

    let row = fixture.row(&gid).await;
    let expected = [
        ("01", "action"),
        ("02", "action"),
        ("09", "confirm"),
        ("09", "cancel"),
        ("04", "compensate"),
        ("04", "action"),
        ("10", "action"),
    ];
    assert_eq!(ids(&row), expected);
    for (read, written) in row.branches[2..].iter().zip(first.iter().chain(&second)) {
        assert_eq!((&read.url, read.bin_data.as_slice()), (&written.url, written.payload.as_ref()));
        assert_eq!((read.status.as_str(), read.finish_time), ("prepared", None));
        assert!(read.create_time > 0 && read.update_time > 0);
    }
    // Taking the transaction returns the same.
    fixture.write(change(&gid, (Prepared, ""), (Submitted, ""), std::time::Duration::ZERO, &[])).await;
    assert_eq!(fixture.take(US, LONG, 10).await, [gid.as_str()]);
    assert_eq!(ids(&fixture.row(&gid).await), expected);
}

async fn a_change_that_does_not_hold_appends_nothing(fixture: Fixture) {
    let gid = gid();
    fixture.write(submitted(&message(&gid, 1), US, LONG)).await;
    let late = and(registers(&gid, &[branch("02", Op::Action)]), &[branch("02", Op::Action)], Some("late"));
    assert_eq!(fixture.write(late).await, Conflict);
    let unknown = registers(&super::gid(), &[branch("02", Op::Action)]);
    assert_eq!(fixture.write(unknown).await, Conflict);
    let row = fixture.row(&gid).await;
    assert_eq!((ids(&row), row.ext_data.as_str()), (vec![("01", "action")], ""));
}

async fn a_branch_that_is_there_stays_as_it_is(fixture: Fixture) {
    let gid = gid();
    fixture.write(prepared(&message(&gid, 0), LONG)).await;
    let (known, new) = (branch("01", Op::Confirm), branch("02", Op::Confirm));
    fixture.write(registers(&gid, std::slice::from_ref(&known))).await;
    let other = BranchOp { url: "http://elsewhere.example".to_owned(), ..known.clone() };
    assert_eq!(fixture.write(registers(&gid, &[other, new])).await, Conflict);
    let row = fixture.row(&gid).await;
    assert_eq!(ids(&row), [("01", "confirm"), ("02", "confirm")]);
    assert_eq!(row.branches[0].url, known.url);
    // Whoever reads on a conflict learns the same of an equal one.
    assert_eq!(fixture.write(registers(&gid, &[known])).await, Conflict);
    // The others of a batch are not held up by it.
    let third = branch("03", Op::Confirm);
    let (other, more) = (super::gid(), branch("01", Op::Confirm));
    fixture.write(prepared(&message(&other, 0), LONG)).await;
    let both = [registers(&gid, &[branch("02", Op::Confirm)]), registers(&other, &[more, third])];
    assert_eq!(fixture.write_all(&both).await, [Conflict, Applied]);
    assert_eq!(ids(&fixture.row(&other).await), [("01", "confirm"), ("03", "confirm")]);
}

async fn branches_are_appended_by_each_of_many_writes(fixture: Fixture) {
    let (one, other, moved_on) = (gid(), gid(), gid());
    fixture.write(prepared(&message(&one, 0), LONG)).await;
    fixture.write(prepared(&message(&other, 1), LONG)).await;
    fixture.write(submitted(&message(&moved_on, 1), US, LONG)).await;
    let writes = [
        registers(&one, &[branch("02", Op::Cancel)]),
        prepared(&message(&super::gid(), 2), LONG),
        registers(&other, &[branch("05", Op::Cancel)]),
        registers(&moved_on, &[branch("05", Op::Cancel)]),
        registers(&one, &[branch("01", Op::Cancel)]),
    ];
    assert_eq!(fixture.write_all(&writes).await, [Applied, Applied, Applied, Conflict, Applied]);
    assert_eq!(ids(&fixture.row(&one).await), [("02", "cancel"), ("01", "cancel")]);
    assert_eq!(ids(&fixture.row(&other).await), [("01", "action"), ("05", "cancel")]);
    assert_eq!(ids(&fixture.row(&moved_on).await), [("01", "action")]);
}

async fn branches_of_many_transactions_are_appended_at_once(fixture: Fixture) {
    let (one, other, moved_on) = (gid(), gid(), gid());
    let confirm = [branch("02", Op::Confirm), branch("02", Op::Cancel)];
    fixture.write_all(&[&one, &other].map(|gid| prepared(&message(gid, 1), LONG))).await;
    let with_new = [registers(&one, &confirm), prepared(&message(&gid(), 1), LONG), registers(&other, &confirm)];
    assert_eq!(fixture.write_all(&with_new).await, [Applied; 3]);
    fixture.write(submitted(&message(&moved_on, 1), US, LONG)).await;
    let action = [branch("03", Op::Action)];
    let writes = [&one, &moved_on, &other].map(|gid| registers(gid, &action));
    assert_eq!(fixture.write_all(&writes).await, [Applied, Conflict, Applied]);
    for gid in [&one, &other] {
        let expected = [("01", "action"), ("02", "confirm"), ("02", "cancel"), ("03", "action")];
        assert_eq!(ids(&fixture.row(gid).await), expected);
    }
    assert_eq!(ids(&fixture.row(&moved_on).await), [("01", "action")]);
}

async fn ext_data_changes_only_where_a_change_says_so(fixture: Fixture) {
    let (gid, other) = (gid(), gid());
    let mut definition = message(&gid, 2);
    definition.ext_data = r#"{"headers":{"x-a":"b"}}"#.into();
    fixture.write_all(&[submitted(&definition, US, LONG), submitted(&message(&other, 1), US, LONG)]).await;
    let run = (Submitted, US);
    fixture.write(change(&gid, run, run, LONG, &["01"])).await;
    assert_eq!(fixture.row(&gid).await.ext_data, definition.ext_data);

    let value = "{\"attempts\":[1,'2',\"\\\\ü漢\"]}".repeat(200);
    let writes = [
        and(change(&gid, run, run, LONG, &[]), &[], Some(&value)),
        change(&gid, run, (Succeed, ""), LONG, &["02"]),
        change(&other, run, (Failed, ""), LONG, &[]),
    ];
    assert_eq!(fixture.write_all(&writes).await, [Applied; 3]);
    let row = fixture.row(&gid).await;
    assert_eq!((row.ext_data.as_str(), row.status.as_str()), (value.as_str(), "succeed"));
    assert_eq!(fixture.row(&other).await.ext_data, "");
}

on_each_store! {
    appended_branches_stand_behind_the_others_in_their_order,
    a_change_that_does_not_hold_appends_nothing,
    a_branch_that_is_there_stays_as_it_is,
    branches_are_appended_by_each_of_many_writes,
    branches_of_many_transactions_are_appended_at_once,
    ext_data_changes_only_where_a_change_says_so,
}
