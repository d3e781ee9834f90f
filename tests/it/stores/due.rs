//! Due transactions: found by their time, taken by one owner, for a lease.

use std::time::Duration;

use branchwire::protocol::Status::{Submitted, Succeed};
use branchwire_coordinator::store::WriteOutcome::{Applied, Conflict};
use branchwire_coordinator::store::{Take, Write};

use super::{Fixture, LONG, OTHERS, US, change, gid, message, now, prepared, submitted};

/// Long enough to make a difference in whole seconds.
const SHORT: Duration = Duration::from_secs(2);

async fn what_is_due_is_taken_by_one_and_the_earliest_first(fixture: Fixture) {
    let (first, second, third, later) = (gid(), gid(), gid(), gid());
    fixture
        .write_all(&[
            submitted(&message(&third, 1), "", Duration::from_millis(2_100)),
            prepared(&message(&second, 1), Duration::from_millis(1_050)),
            submitted(&message(&first, 1), "", Duration::ZERO),
            prepared(&message(&later, 1), LONG),
        ])
        .await;
    assert_eq!(fixture.take(US, LONG, 100).await, [first.as_str()]);
    fixture.write(change(&first, (Submitted, US), (Submitted, ""), Duration::ZERO, &[])).await;
    // All three are due then.
    tokio::time::sleep(Duration::from_millis(3_200)).await;
    let mut earliest = fixture.take(US, LONG, 2).await;
    earliest.sort();
    let mut expected = [first.as_str(), second.as_str()];
    expected.sort_unstable();
    assert_eq!(earliest, expected);
    assert_eq!(fixture.take(OTHERS, LONG, 100).await, [third.as_str()]);
    assert!(fixture.take(US, LONG, 100).await.is_empty());
    assert_eq!(fixture.row(&second).await.owner, US);
    assert_eq!(fixture.row(&third).await.owner, OTHERS);
}

async fn what_is_taken_comes_with_its_row_as_it_stands(fixture: Fixture) {
    let gid = gid();
    fixture.write(submitted(&message(&gid, 3), "", Duration::ZERO)).await;
    let now = now();
    let take = Take { now, until: now.after(LONG), owner: US.to_owned(), limit: 10 };
    let taken = fixture.store.take_due(&take).await.expect("the store answers");
    assert_eq!(taken.rows.len(), 1);
    let row = &taken.rows[0];
    assert_eq!((row.gid.as_str(), row.owner.as_str(), row.branches.len()), (gid.as_str(), US, 3));
    // Nothing else is due before this lease ends.
    let wait = now.until(taken.next_due.expect("the lease ends"));
    assert!(wait.abs_diff(LONG) < SHORT, "{wait:?}");
}

async fn a_lease_holds_until_it_ends_and_no_longer(fixture: Fixture) {
    let gid = gid();
    fixture.write(submitted(&message(&gid, 2), OTHERS, SHORT)).await;
    let held = std::time::Instant::now();
    assert!(fixture.take(US, LONG, 100).await.is_empty());
    assert_eq!(fixture.take_when_due(US, LONG).await, [gid.as_str()]);
    assert!(held.elapsed() + Duration::from_millis(100) > SHORT, "not before: {:?}", held.elapsed());
    // An owner whose lease has ended can no longer change the row.
    let late = change(&gid, (Submitted, OTHERS), (Succeed, ""), LONG, &["01"]);
    assert_eq!(fixture.write(late).await, Conflict);
    assert_eq!(fixture.row(&gid).await.status, "submitted");
    assert_eq!(fixture.write(change(&gid, (Submitted, US), (Succeed, ""), LONG, &["02"])).await, Applied);
}

async fn a_renewed_lease_holds(fixture: Fixture) {
    let gid = gid();
    fixture.write(submitted(&message(&gid, 1), US, SHORT)).await;
    assert_eq!(fixture.write(change(&gid, (Submitted, US), (Submitted, US), LONG, &[])).await, Applied);
    tokio::time::sleep(SHORT + Duration::from_millis(1_100)).await;
    assert!(fixture.take(OTHERS, LONG, 100).await.is_empty());
}

async fn a_parked_row_is_shown_and_not_due_until_somebody_wants_it(fixture: Fixture) {
    let gid = gid();
    fixture.write(submitted(&message(&gid, 1), "", Duration::ZERO)).await;
    assert_eq!(fixture.take(US, Duration::ZERO, 100).await.len(), 1);
    let reason = "x'; \\ ".repeat(500);
    assert_eq!(fixture.write(Write::Park { gid: gid.clone().into(), reason: reason.clone() }).await, Applied);
    let row = fixture.row(&gid).await;
    assert_eq!(row.owner, "");
    assert!(row.result.starts_with(&reason[..1_000]), "{}", row.result);
    let now = now();
    let take = Take { now, until: now.after(LONG), owner: US.to_owned(), limit: 100 };
    let taken = fixture.store.take_due(&take).await.expect("the store answers");
    assert!(taken.rows.is_empty());
    assert!(taken.next_due.is_none_or(|due| now.until(due) > LONG), "and nothing is looked for: {:?}", taken.next_due);
    fixture.write(change(&gid, (Submitted, ""), (Submitted, ""), Duration::ZERO, &[])).await;
    assert_eq!(fixture.take(US, LONG, 100).await, [gid.as_str()]);
}

async fn many_that_are_due_are_taken_by_several_at_once_and_each_by_one(fixture: Fixture) {
    let gids: Vec<_> = (0..300).map(|_| gid()).collect();
    let writes: Vec<_> = gids.iter().map(|gid| submitted(&message(gid, 1), "", Duration::ZERO)).collect();
    fixture.write_all(&writes).await;
    let mut taken = Vec::new();
    while taken.len() < 300 {
        let three = tokio::join!(
            fixture.take("branchwire-a", LONG, 50),
            fixture.take("branchwire-b", LONG, 50),
            fixture.take("branchwire-c", LONG, 50),
        );
        taken.extend([three.0, three.1, three.2].concat());
    }
    taken.sort();
    let mut expected: Vec<_> = gids.into_iter().map(String::from).collect();
    expected.sort();
    assert_eq!(taken, expected);
}

on_each_store! {
    what_is_due_is_taken_by_one_and_the_earliest_first,
    what_is_taken_comes_with_its_row_as_it_stands,
    a_lease_holds_until_it_ends_and_no_longer,
    a_renewed_lease_holds,
    a_parked_row_is_shown_and_not_due_until_somebody_wants_it,
    many_that_are_due_are_taken_by_several_at_once_and_each_by_one,
}
