//! A COMMIT whose result is lost: the repeated batch has the effect of one.

use std::time::Duration;

use branchwire::protocol::Status::{Failed, Prepared, Submitted, Succeed};
use branchwire_coordinator::engine::Defaults;
use branchwire_coordinator::store::StoreError;
use branchwire_coordinator::store::WriteOutcome::{Applied, Conflict};
use branchwire_tests::proxy::{Loss, Proxy};

use super::{Fixture, LONG, US, change, gid, message, now, open, prepared, statuses, submitted};

/// Writes a batch with one write of each kind, all of which hold but maybe one, through a proxy that loses it in one way.
async fn is_found_out(fixture: &Fixture, loss: Loss, all_hold: bool) {
    let proxy = Proxy::before(fixture.database.url()).await;
    let store = open(proxy.url()).await;
    let (new, begun, waits, ends, given_up, elsewhere) = (gid(), gid(), gid(), gid(), gid(), gid());
    // Also prepares the statements, so that the next message to the server is the batch.
    let before = [
        prepared(&message(&begun, 2), LONG),
        prepared(&message(&given_up, 1), LONG),
        submitted(&message(&waits, 2), US, LONG),
        submitted(&message(&ends, 2), US, LONG),
        submitted(&message(&elsewhere, 2), "branchwire-elsewhere", LONG),
    ];
    assert_eq!(store.write(&before).await, Ok(vec![Applied; 5]));
    let again = change(&waits, (Submitted, US), (Submitted, US), LONG, &[]);
    assert_eq!(store.write(&[again]).await, Ok(vec![Applied]));

    let mut batch = vec![
        prepared(&message(&new, 2), LONG),
        change(&begun, (Prepared, ""), (Submitted, US), LONG, &[]),
        change(&waits, (Submitted, US), (Submitted, ""), LONG, &["01"]),
        change(&ends, (Submitted, US), (Succeed, ""), LONG, &["01", "02"]),
        change(&given_up, (Prepared, ""), (Failed, ""), LONG, &[]),
    ];
    let mut expected = vec![Applied; 5];
    if !all_hold {
        batch.push(change(&elsewhere, (Submitted, US), (Succeed, ""), LONG, &[]));
        expected.push(Conflict);
    }
    proxy.lose_next(loss);
    let outcomes = store.write(&batch).await.expect("what became of it is found out");
    assert!(proxy.has_lost(), "the batch was what was lost");
    // The gid may exist because of the first attempt: the caller reads the row then.
    assert!(outcomes[0] == Applied || loss == Loss::OfTheAnswer, "{outcomes:?}");
    assert_eq!(outcomes[1..], expected[1..]);
    stands(fixture, [&new, &begun, &waits, &ends, &given_up, &elsewhere]).await;

    if loss == Loss::UntilDelivered {
        // Another write comes first; the late one must then change nothing.
        let next = change(&begun, (Submitted, US), (Submitted, US), LONG, &["01"]);
        assert_eq!(store.write(&[next]).await, Ok(vec![Applied]));
        proxy.deliver().await;
        assert_eq!(statuses(&fixture.row(&begun).await), ["succeed", "prepared"]);
        stands(fixture, [&new, &begun, &waits, &ends, &given_up, &elsewhere]).await;
    }
    store.close().await;
}

async fn stands(fixture: &Fixture, gids: [&branchwire::protocol::Gid; 6]) {
    let expected = [
        ("prepared", ""),
        ("submitted", US),
        ("submitted", ""),
        ("succeed", ""),
        ("failed", ""),
        ("submitted", "branchwire-elsewhere"),
    ];
    for (gid, expected) in gids.into_iter().zip(expected) {
        let row = fixture.row(gid).await;
        assert_eq!((row.status.as_str(), row.owner.as_str()), expected);
        row.decode(&Defaults::default(), US, now()).expect("it makes sense");
    }
    assert_eq!(fixture.row(gids[0]).await.branches.len(), 2);
    assert_eq!(statuses(&fixture.row(gids[2]).await), ["succeed", "prepared"]);
    assert_eq!(statuses(&fixture.row(gids[3]).await), ["succeed", "succeed"]);
}

/// Writes changes that are alike through a proxy that loses them in one way. One of them may not hold.
async fn alike_are_found_out(fixture: &Fixture, loss: Loss, all_hold: bool) {
    let proxy = Proxy::before(fixture.database.url()).await;
    let store = open(proxy.url()).await;
    let gids: Vec<_> = (0..4).map(|_| gid()).collect();
    let owner_of_third = if all_hold { US } else { "branchwire-elsewhere" };
    let owners = [US, US, owner_of_third, US];
    let begun: Vec<_> = gids.iter().zip(owners).map(|(gid, owner)| submitted(&message(gid, 2), owner, LONG)).collect();
    assert_eq!(store.write(&begun).await, Ok(vec![Applied; 4]));

    let go_on = |gid| change(gid, (Submitted, US), (Submitted, ""), LONG, &["01"]);
    proxy.lose_next(loss);
    let outcomes = store.write(&gids.iter().map(go_on).collect::<Vec<_>>()).await.expect("it is found out");
    assert!(proxy.has_lost(), "the batch was what was lost");
    assert_eq!(outcomes, [Applied, Applied, if all_hold { Applied } else { Conflict }, Applied]);
    if loss == Loss::UntilDelivered {
        // We go on in the meantime; the late write must then change nothing.
        let next = change(&gids[0], (Submitted, ""), (Succeed, ""), LONG, &["02"]);
        assert_eq!(store.write(&[next]).await, Ok(vec![Applied]));
        proxy.deliver().await;
        assert_eq!(fixture.row(&gids[0]).await.status, "succeed");
    }
    for (gid, owner) in gids[1..].iter().zip(["", if all_hold { "" } else { owner_of_third }, ""]) {
        let row = fixture.row(gid).await;
        assert_eq!((row.owner.as_str(), statuses(&row)), (owner, vec!["succeed", "prepared"]));
    }
    store.close().await;
}

async fn alike_changes_that_are_lost_are_written_once(fixture: Fixture) {
    for loss in [Loss::OfTheRequest, Loss::OfTheAnswer, Loss::UntilDelivered] {
        for all_hold in [true, false] {
            alike_are_found_out(&fixture, loss, all_hold).await;
        }
    }
}

async fn a_batch_whose_request_is_lost_is_written(fixture: Fixture) {
    is_found_out(&fixture, Loss::OfTheRequest, true).await;
    is_found_out(&fixture, Loss::OfTheRequest, false).await;
}

async fn a_batch_whose_answer_is_lost_is_written_once(fixture: Fixture) {
    is_found_out(&fixture, Loss::OfTheAnswer, true).await;
    is_found_out(&fixture, Loss::OfTheAnswer, false).await;
}

async fn a_batch_that_lands_late_changes_nothing(fixture: Fixture) {
    is_found_out(&fixture, Loss::UntilDelivered, true).await;
    is_found_out(&fixture, Loss::UntilDelivered, false).await;
}

async fn a_store_whose_server_goes_away_says_what_it_does_not_know(fixture: Fixture) {
    let proxy = Proxy::before(fixture.database.url()).await;
    let store = open(proxy.url()).await;
    let gid = gid();
    let state = submitted(&message(&gid, 1), US, LONG);
    assert_eq!(store.write(&[state]).await, Ok(vec![Applied]));
    proxy.shut();
    let end = change(&gid, (Submitted, US), (Succeed, ""), LONG, &["01"]);
    let start = std::time::Instant::now();
    let error = store.write(std::slice::from_ref(&end)).await.expect_err("there is no server");
    assert!(matches!(error, StoreError::Unknown(_)), "{error}");
    assert!(start.elapsed() > Duration::from_secs(5), "it was waited for");
    let error = store.write(&[end]).await.expect_err("there is no server");
    assert!(matches!(error, StoreError::Unavailable(_)), "nothing was sent: {error}");
}

on_each_server! {
    a_batch_whose_request_is_lost_is_written,
    a_batch_whose_answer_is_lost_is_written_once,
    a_batch_that_lands_late_changes_nothing,
    alike_changes_that_are_lost_are_written_once,
    a_store_whose_server_goes_away_says_what_it_does_not_know,
}
