//! Creating and changing transactions: atomic, conditional, many at once.

use std::time::Duration;

use branchwire::protocol::Status::{Failed, Prepared, Submitted, Succeed};
use branchwire_coordinator::engine::{Defaults, Holder};
use branchwire_coordinator::store::WriteOutcome::{Applied, Conflict};
use branchwire_coordinator::store::{StoreError, Write};

use super::{Fixture, LONG, OTHERS, US, change, gid, message, now, prepared, statuses, submitted};

async fn what_is_created_is_read_back_whole(fixture: Fixture) {
    let gid = gid();
    let mut definition = message(&gid, 3);
    definition.options = r#"{"retry_interval":7,"branch_headers":{"x-user":"\\ü'\"%"},"concurrent":true}"#.into();
    definition.custom_data = r#"{"delay":5,"note":"\\ '' 漢字"}"#.into();
    definition.ext_data = r#"{"steps":["topic://t"]}"#.into();
    definition.branches[1].payload = "{\"emoji\":\"🦀\", \"nothing\": \"\\u0000\"}".into();
    definition.branches[2].payload = vec![0, 255, 39, 92, 10].into();
    assert_eq!(fixture.write(prepared(&definition, LONG)).await, Applied);

    let row = fixture.row(&gid).await;
    let (read, state) = row.decode(&Defaults::default(), US, now()).expect("it makes sense");
    assert_eq!(read.branches, definition.branches);
    assert_eq!((&read.options, &read.custom_data), (&definition.options, &definition.custom_data));
    assert_eq!((&read.ext_data, &read.query_prepared), (&definition.ext_data, &definition.query_prepared));
    assert_eq!((read.timing.retry_interval.as_secs(), read.timing.delay.as_secs()), (7, 5));
    assert_eq!((read.concurrent, read.headers["x-user"].as_str()), (true, "\\ü'\"%"));
    assert_eq!((state.status, state.holder, state.interval.as_secs()), (Prepared, Holder::Nobody, 10));
    // The servers store whole seconds.
    let off = read.created.as_millis().abs_diff(definition.created.as_millis());
    assert!(off <= 1_000, "created {off} ms off");
    let wait = now().until(state.due);
    assert!(wait.abs_diff(LONG) < Duration::from_secs(5), "due in {wait:?}");
}

async fn a_gid_is_created_once(fixture: Fixture) {
    let gid = gid();
    assert_eq!(fixture.write(prepared(&message(&gid, 1), LONG)).await, Applied);
    assert_eq!(fixture.write(submitted(&message(&gid, 2), US, LONG)).await, Conflict);
    let row = fixture.row(&gid).await;
    assert_eq!((row.status.as_str(), row.branches.len()), ("prepared", 1), "the first one stands");
}

async fn a_change_holds_only_from_the_status_and_owner_it_names(fixture: Fixture) {
    let gid = gid();
    fixture.write(submitted(&message(&gid, 2), US, LONG)).await;
    for from in [(Prepared, US), (Submitted, OTHERS), (Submitted, "")] {
        let outcome = fixture.write(change(&gid, from, (Failed, ""), LONG, &[])).await;
        assert_eq!((outcome, fixture.row(&gid).await.status.as_str()), (Conflict, "submitted"), "{from:?}");
    }
    let end = change(&gid, (Submitted, US), (Succeed, ""), LONG, &["01", "02"]);
    assert_eq!(fixture.write(end).await, Applied);
    let row = fixture.row(&gid).await;
    assert_eq!((row.status.as_str(), row.owner.as_str(), row.next_cron_interval_ms), ("succeed", "", 4_000));
    assert_eq!(statuses(&row), ["succeed", "succeed"]);
    assert!(row.finish_time.is_some() && row.rollback_time.is_none());
    assert!(row.branches.iter().all(|branch| branch.finish_time.is_some()));

    let unknown = change(&super::gid(), (Submitted, US), (Succeed, ""), LONG, &[]);
    assert_eq!(fixture.write(unknown).await, Conflict);
}

async fn each_of_many_writes_has_its_own_outcome(fixture: Fixture) {
    let (held, known, bad) = (gid(), gid(), gid());
    let known_before = [&known, &bad].map(|gid| prepared(&message(gid, 1), LONG));
    fixture.write_all(&known_before).await;
    fixture.write(submitted(&message(&held, 1), US, LONG)).await;
    let fresh: Vec<_> = (0..100).map(|_| gid()).collect();
    let mut writes: Vec<_> = fresh.iter().map(|gid| prepared(&message(gid, 3), LONG)).collect();
    writes.insert(50, prepared(&message(&known, 2), LONG));
    writes.push(change(&held, (Submitted, US), (Succeed, ""), LONG, &["01"]));
    writes.push(change(&gid(), (Submitted, US), (Succeed, ""), LONG, &["01"]));
    writes.push(change(&known, (Submitted, ""), (Failed, ""), LONG, &[]));
    writes.push(Write::Park { gid: bad.clone().into(), reason: "it makes no sense".to_owned() });

    let mut expected = vec![Applied; 100];
    expected.insert(50, Conflict);
    expected.extend([Applied, Conflict, Conflict, Applied]);
    assert_eq!(fixture.write_all(&writes).await, expected);
    for gid in &fresh {
        assert_eq!(fixture.row(gid).await.branches.len(), 3);
    }
    assert_eq!(fixture.row(&known).await.branches.len(), 1);
    assert_eq!(fixture.row(&held).await.status, "succeed");
    assert_eq!(fixture.row(&bad).await.result, "it makes no sense");
}

async fn each_of_many_changes_writes_its_own_values(fixture: Fixture) {
    let gids: Vec<_> = (0..60).map(|_| gid()).collect();
    let begun: Vec<_> = gids.iter().map(|gid| submitted(&message(gid, 3), US, LONG)).collect();
    assert_eq!(fixture.write_all(&begun).await, [Applied; 60]);
    let (mut writes, mut expected) = (Vec::new(), Vec::new());
    for (number, gid) in gids.iter().enumerate() {
        let (to, done) = [((Succeed, ""), "01"), ((Failed, ""), "02"), ((Submitted, US), "03")][number % 3];
        let Write::Change(mut change) = change(gid, (Submitted, US), to, LONG, &[done]) else { unreachable!() };
        change.rollback_reason = format!("reason {number}");
        change.ext_data = (number % 2 == 0).then(|| format!("{{\"n\":{number}}}"));
        let statuses = ["01", "02", "03"].map(|id| if id == done { "succeed" } else { "prepared" });
        let ext_data = change.ext_data.clone().unwrap_or_default();
        expected.push((to.0.as_str().to_owned(), change.rollback_reason.clone(), ext_data, statuses.to_vec()));
        writes.push(Write::Change(change));
        if number == 30 {
            writes.push(Write::Park { gid: gids[31].clone().into(), reason: "none".to_owned() });
        }
    }
    // What is parked has no owner any more.
    writes.remove(32);
    expected[31] = ("submitted".to_owned(), String::new(), String::new(), vec!["prepared"; 3]);
    assert_eq!(fixture.write_all(&writes).await, [Applied; 60]);
    for (gid, expected) in gids.iter().zip(expected) {
        let row = fixture.row(gid).await;
        let statuses = statuses(&row).into_iter().collect::<Vec<_>>();
        assert_eq!((row.status.clone(), row.rollback_reason.clone(), row.ext_data.clone(), statuses), expected);
        assert_eq!(row.finish_time.is_some(), row.status == "succeed", "{row:?}");
    }
}

/// MySQL's statements for several changes say only how many of them hold.
async fn changes_that_are_alike_have_each_their_own_outcome(fixture: Fixture) {
    let gids: Vec<_> = (0..300).map(|_| gid()).collect();
    let (elsewhere, ended, known) = (&gids[7], &gids[200], gid());
    fixture.write(prepared(&message(&known, 1), LONG)).await;
    let begin = |gid| submitted(&message(gid, 1), if gid == elsewhere { OTHERS } else { US }, LONG);
    assert_eq!(fixture.write_all(&gids.iter().map(begin).collect::<Vec<_>>()).await, [Applied; 300]);
    let end = |gid| change(gid, (Submitted, US), (Succeed, ""), LONG, &["01"]);
    fixture.write(change(ended, (Submitted, US), (Failed, ""), LONG, &[])).await;

    let mut writes: Vec<_> = gids.iter().map(end).collect();
    writes.push(end(&gid()));
    // Together with a duplicate key.
    writes.extend([prepared(&message(&known, 2), LONG), prepared(&message(&gid(), 2), LONG)]);
    let mut expected = vec![Applied; 300];
    (expected[7], expected[200]) = (Conflict, Conflict);
    expected.extend([Conflict, Conflict, Applied]);
    assert_eq!(fixture.write_all(&writes).await, expected);
    for (gid, outcome) in gids.iter().zip(expected) {
        let status = fixture.row(gid).await.status;
        assert_eq!(status == "succeed", outcome == Applied, "{gid} is {status}");
    }
    assert_eq!(fixture.row(elsewhere).await.owner, OTHERS);
    assert_eq!(fixture.row(ended).await.status, "failed");
}

async fn the_progress_of_a_run_and_its_end_count_both_in_one_batch(fixture: Fixture) {
    let gid = gid();
    fixture.write(submitted(&message(&gid, 3), US, LONG)).await;
    let run = (Submitted, US);
    let writes = [
        change(&gid, run, run, LONG, &["01"]),
        change(&gid, run, run, LONG, &["02"]),
        change(&gid, run, (Succeed, ""), LONG, &["03"]),
    ];
    assert_eq!(fixture.write_all(&writes).await, [Applied; 3]);
    let row = fixture.row(&gid).await;
    assert_eq!((row.status.as_str(), statuses(&row)), ("succeed", vec!["succeed"; 3]));
}

async fn branches_come_in_the_order_of_their_numbers(fixture: Fixture) {
    let gid = gid();
    let definition = message(&gid, 120);
    fixture.write(prepared(&definition, LONG)).await;
    let ids: Vec<_> = fixture.row(&gid).await.branches.into_iter().map(|branch| branch.branch_id).collect();
    let expected: Vec<_> = definition.branches.iter().map(|branch| branch.branch_id.as_str()).collect();
    assert_eq!(ids, expected);
}

async fn a_transaction_of_many_megabytes_is_stored(fixture: Fixture) {
    let gid = gid();
    let mut definition = message(&gid, 200);
    for branch in &mut definition.branches {
        branch.payload = vec![b'x'; 60_000].into();
    }
    assert_eq!(
        fixture.write_all(&[prepared(&definition, LONG), prepared(&message(&super::gid(), 1), LONG)]).await,
        [Applied, Applied]
    );
    let row = fixture.row(&gid).await;
    assert!(row.branches.len() == 200 && row.branches.iter().all(|branch| branch.bin_data.len() == 60_000));
}

on_each_store! {
    what_is_created_is_read_back_whole,
    a_gid_is_created_once,
    a_change_holds_only_from_the_status_and_owner_it_names,
    each_of_many_writes_has_its_own_outcome,
    each_of_many_changes_writes_its_own_values,
    changes_that_are_alike_have_each_their_own_outcome,
    the_progress_of_a_run_and_its_end_count_both_in_one_batch,
    branches_come_in_the_order_of_their_numbers,
    a_transaction_of_many_megabytes_is_stored,
}

/// SQLite stores any text.
mod servers {
    use super::*;

    async fn what_the_tables_cannot_hold_is_refused_and_nothing_of_its_batch_is_written(fixture: Fixture) {
        let (good, bad) = (gid(), gid());
        let mut definition = message(&bad, 1);
        definition.custom_data = "x".repeat(2_000);
        let writes = [prepared(&message(&good, 1), LONG), prepared(&definition, LONG)];
        let refused = fixture.store.write(&writes).await.expect_err("too long");
        assert!(matches!(refused, StoreError::Data(_)), "{refused}");
        for gid in [&good, &bad] {
            assert_eq!(fixture.store.load(gid.as_str()).await, Ok(None));
        }
        assert_eq!(fixture.store.write(&writes[..1]).await, Ok(vec![Applied]), "the store goes on");
    }

    async fn a_run_is_taken_over_only_when_its_lease_has_ended(fixture: Fixture) {
        let (held, left) = (gid(), gid());
        fixture.write(submitted(&message(&held, 1), OTHERS, LONG)).await;
        fixture.write(submitted(&message(&left, 1), OTHERS, Duration::ZERO)).await;
        let take_over = |gid| change(gid, (Submitted, OTHERS), (Submitted, US), LONG, &[]);
        assert_eq!(fixture.write(take_over(&held)).await, Conflict);
        assert_eq!(fixture.row(&held).await.owner, OTHERS);
        assert_eq!(fixture.write(take_over(&left)).await, Applied);
        assert_eq!(fixture.row(&left).await.owner, US);
        // A late write of the other coordinator changes nothing.
        let late = change(&left, (Submitted, OTHERS), (Submitted, ""), LONG, &[]);
        assert_eq!(fixture.write(late).await, Conflict);
        // A forced stop does not wait for a lease.
        assert_eq!(fixture.write(change(&held, (Submitted, OTHERS), (Failed, ""), LONG, &[])).await, Applied);
    }

    async fn what_is_as_it_should_become_is_a_conflict_unless_in_doubt(fixture: Fixture) {
        let gid = gid();
        fixture.write(submitted(&message(&gid, 1), "", LONG)).await;
        // Our lease ended, and others have run it since: we must not change its due time.
        let wait = change(&gid, (Submitted, US), (Submitted, ""), Duration::ZERO, &[]);
        assert_eq!(fixture.write(wait).await, Conflict);
    }

    async fn two_coordinators_that_create_one_gid_at_once_agree_who_did(fixture: Fixture) {
        let other = super::super::open(fixture.database.url()).await;
        for _ in 0..20 {
            let gid = gid();
            let mut here = vec![prepared(&message(&gid, 1), LONG)];
            let mut there = vec![prepared(&message(&gid, 2), LONG)];
            for _ in 0..20 {
                here.push(prepared(&message(&super::super::gid(), 1), LONG));
                there.insert(0, prepared(&message(&super::super::gid(), 1), LONG));
            }
            let (here, there) = tokio::join!(fixture.store.write(&here), other.write(&there));
            let (here, there) = (here.expect("written")[0], there.expect("written")[20]);
            assert!((here == Applied) != (there == Applied), "{here:?} {there:?}");
            assert_eq!(fixture.row(&gid).await.branches.len(), if here == Applied { 1 } else { 2 });
        }
    }

    on_each_server! {
        what_the_tables_cannot_hold_is_refused_and_nothing_of_its_batch_is_written,
        a_run_is_taken_over_only_when_its_lease_has_ended,
        what_is_as_it_should_become_is_a_conflict_unless_in_doubt,
        two_coordinators_that_create_one_gid_at_once_agree_who_did,
    }
}
