//! Requests of administrators, and the key-value table.

use std::time::Duration;

use branchwire::protocol::Status::{Failed, Submitted, Succeed};
use branchwire_coordinator::engine::Time;
use branchwire_coordinator::store::WriteOutcome::{Applied, Conflict};
use branchwire_coordinator::store::{Filter, KvPut, ResetDue, Sweep};

use super::{Fixture, LONG, OTHERS, US, change, gid, message, now, prepared, submitted};

async fn transactions_are_listed_newest_first_by_what_is_asked_for(fixture: Fixture) {
    let gids: Vec<_> = (0..5).map(|_| gid()).collect();
    for gid in &gids {
        fixture.write(submitted(&message(gid, 2), US, LONG)).await;
    }
    fixture.write(change(&gids[1], (Submitted, US), (Failed, ""), LONG, &[])).await;
    fixture.write(change(&gids[3], (Submitted, US), (Succeed, ""), LONG, &["01"])).await;
    let all = Filter { limit: 100, ..Filter::default() };
    let minute = Duration::from_mins(1);
    let before = Time::from_millis(now().as_millis() - 60_000);
    for (what, filter, expected) in [
        ("all", all.clone(), vec![4, 3, 2, 1, 0]),
        ("a page", Filter { limit: 2, ..all.clone() }, vec![4, 3]),
        ("a gid", Filter { gid: gids[2].to_string(), ..all.clone() }, vec![2]),
        ("failed", Filter { status: "failed".to_owned(), ..all.clone() }, vec![1]),
        ("succeed", Filter { status: "succeed".to_owned(), ..all.clone() }, vec![3]),
        ("submitted", Filter { status: "submitted".to_owned(), ..all.clone() }, vec![4, 2, 0]),
        ("messages", Filter { trans_type: "msg".to_owned(), ..all.clone() }, vec![4, 3, 2, 1, 0]),
        ("sagas", Filter { trans_type: "saga".to_owned(), ..all.clone() }, vec![]),
        ("new", Filter { created_from: Some(before), ..all.clone() }, vec![4, 3, 2, 1, 0]),
        ("old", Filter { created_to: Some(before), ..all.clone() }, vec![]),
        ("of the future", Filter { created_from: Some(now().after(minute)), ..all.clone() }, vec![]),
        ("of the past", Filter { created_to: Some(now().after(minute)), ..all.clone() }, vec![4, 3, 2, 1, 0]),
    ] {
        let rows = fixture.store.list(&filter).await.expect("the store answers");
        let found: Vec<_> = rows.iter().map(|row| row.gid.as_str()).collect();
        let expected: Vec<_> = expected.iter().map(|index: &usize| gids[*index].as_str()).collect();
        assert_eq!(found, expected, "{what}");
        assert!(rows.iter().all(|row| row.branches.len() == 2), "{what}");
    }
    let first = fixture.store.list(&Filter { limit: 2, ..all.clone() }).await.expect("the store answers");
    let next = Filter { position: Some(first[1].id), ..all };
    let next = fixture.store.list(&next).await.expect("the store answers");
    assert_eq!(
        next.iter().map(|row| row.gid.as_str()).collect::<Vec<_>>(),
        [gids[2].as_str(), gids[1].as_str(), gids[0].as_str()]
    );
}

async fn what_waits_can_be_made_due_and_what_is_held_or_has_ended_not(fixture: Fixture) {
    let (one, two, held, ended) = (gid(), gid(), gid(), gid());
    fixture
        .write_all(&[
            prepared(&message(&one, 1), LONG),
            submitted(&message(&two, 1), "", LONG),
            submitted(&message(&held, 1), OTHERS, LONG),
            submitted(&message(&ended, 1), US, LONG),
        ])
        .await;
    fixture.write(change(&ended, (Submitted, US), (Succeed, ""), LONG, &[])).await;
    let now = now();
    let later_than = now.after(Duration::from_mins(1));
    let reset = fixture.store.reset_due(now, now.after(LONG * 2), 100).await;
    assert_eq!(reset, Ok(ResetDue { succeed_count: 0, has_remaining: false }));
    let reset = fixture.store.reset_due(now, later_than, 1).await;
    assert_eq!(reset, Ok(ResetDue { succeed_count: 1, has_remaining: true }));
    let reset = fixture.store.reset_due(now, later_than, 100).await;
    assert_eq!(reset, Ok(ResetDue { succeed_count: 1, has_remaining: false }));
    let mut due = Vec::new();
    while due.len() < 2 {
        due.extend(fixture.take_when_due(US, LONG).await);
    }
    due.sort();
    let mut expected = [one.as_str(), two.as_str()];
    expected.sort_unstable();
    assert_eq!(due, expected);
}

async fn ended_transactions_are_removed_in_batches_with_their_branches(fixture: Fixture) {
    let gids: Vec<_> = (0..6).map(|_| gid()).collect();
    for gid in &gids {
        fixture.write(submitted(&message(gid, 2), US, LONG)).await;
    }
    for index in [0, 2, 3, 5] {
        fixture.write(change(&gids[index], (Submitted, US), (Succeed, ""), LONG, &["01"])).await;
    }
    let ended_before = now().after(Duration::from_mins(1));
    let mut after_id = 0;
    let mut batches = 0;
    while let Some(last) =
        fixture.store.sweep(&Sweep { after_id, ended_before, limit: 2 }).await.expect("the store answers")
    {
        after_id = last;
        batches += 1;
    }
    assert!(batches >= 2, "{batches}");
    let left = fixture.store.list(&Filter { limit: 100, ..Filter::default() }).await.expect("the store answers");
    assert_eq!(left.iter().map(|row| row.gid.as_str()).collect::<Vec<_>>(), [gids[4].as_str(), gids[1].as_str()]);
    // Removed completely: a removed gid can be used again, and then has its own branches.
    assert_eq!(fixture.write(prepared(&message(&gids[0], 1), LONG)).await, Applied);
    assert_eq!(fixture.row(&gids[0]).await.branches.len(), 1);
    // Transactions that ended after the given time stay.
    fixture.write(change(&gids[1], (Submitted, US), (Succeed, ""), LONG, &[])).await;
    let long_ago = Time::from_millis(now().as_millis() - 60_000);
    fixture.store.sweep(&Sweep { after_id: 0, ended_before: long_ago, limit: 100 }).await.expect("the store answers");
    assert_eq!(fixture.row(&gids[1]).await.status, "succeed");
}

async fn an_entry_is_changed_only_from_the_version_it_had(fixture: Fixture) {
    let at = now();
    let put = |k: &str, version: Option<i64>, v: Option<&str>| KvPut {
        cat: "topics".to_owned(),
        k: k.to_owned(),
        version,
        v: v.map(str::to_owned),
        at,
    };
    let store = &fixture.store;
    assert_eq!(store.kv_get("topics", "t").await, Ok(None));
    assert_eq!(store.kv_put(&put("t", None, Some("one '\\ 漢"))).await, Ok(Applied));
    assert_eq!(store.kv_put(&put("t", None, Some("again"))).await, Ok(Conflict));
    assert_eq!(store.kv_put(&put("t", Some(7), Some("stale"))).await, Ok(Conflict));
    assert_eq!(store.kv_put(&put("t", Some(1), Some("two"))).await, Ok(Applied));
    assert_eq!(store.kv_put(&put("u", None, Some("three"))).await, Ok(Applied));
    let entry = store.kv_get("topics", "t").await.expect("the store answers").expect("an entry");
    assert_eq!((entry.v.as_str(), entry.version), ("two", 2));
    assert!(entry.create_time.abs_diff(at.as_millis()) < 10_000, "{}", entry.create_time);
    let scanned = store.kv_scan("topics", i64::MAX, 10).await.expect("the store answers");
    assert_eq!(scanned.iter().map(|entry| entry.k.as_str()).collect::<Vec<_>>(), ["u", "t"]);
    let scanned = store.kv_scan("topics", scanned[0].id, 10).await.expect("the store answers");
    assert_eq!(scanned.iter().map(|entry| entry.k.as_str()).collect::<Vec<_>>(), ["t"]);
    assert_eq!(store.kv_scan("others", i64::MAX, 10).await, Ok(Vec::new()));
    assert_eq!(store.kv_put(&put("t", Some(1), None)).await, Ok(Conflict));
    assert_eq!(store.kv_put(&put("t", Some(2), None)).await, Ok(Applied));
    assert_eq!(store.kv_get("topics", "t").await, Ok(None));
}

on_each_store! {
    transactions_are_listed_newest_first_by_what_is_asked_for,
    what_waits_can_be_made_due_and_what_is_held_or_has_ended_not,
    ended_transactions_are_removed_in_batches_with_their_branches,
    an_entry_is_changed_only_from_the_version_it_had,
}
