//! The relay: whatever was lost, a committed message arrives, and is applied once.

use std::time::Duration;

use branchwire::outbox::RESEND_AGE_MAX;
use branchwire::protocol::Status;
use branchwire::simulation::OutboxState;
use branchwire::{Done, Gid, Outbox};
use branchwire_coordinator::Retention;
use branchwire_tests::bank::{Bank, BankDriver};
use futures_util::future::join_all;

use super::Shop;
use crate::each::on_each_database;

on_each_database! {
    a_lost_submit_is_sent_again,
    what_a_dead_process_has_left_is_sent_by_the_next,
    two_processes_share_what_waits,
    of_several_processes_one_takes_each_row,
    an_acknowledgement_that_was_lost_long_ago_does_no_harm,
    what_the_coordinator_has_forgotten_is_not_applied_again,
    a_message_that_the_coordinator_never_takes_is_put_aside_and_shown,
    a_message_that_is_too_old_is_put_aside_until_a_person_has_looked,
}

async fn a_lost_submit_is_sent_again<DB: BankDriver>(bank: Bank<DB>) {
    let shop = Shop::on(bank).await;
    let outbox = shop.outbox().await;
    shop.coordinator.lose_submits(true);
    let gid = Gid::random();
    let done = shop.order(&outbox, &gid, 30).await;
    assert!(matches!(done, Ok(Done::Committed { .. })), "{done:?}");
    assert_eq!(shop.coordinator.status(&gid).await, None);
    shop.coordinator.lose_submits(false);
    assert_eq!(shop.coordinator.wait(&gid).await, Status::Succeed);
    outbox.stop().await;
    assert_eq!(shop.balances().await, (-30, 30));
    assert_eq!(shop.row(&gid).await.unwrap().state, OutboxState::Sent);
    shop.coordinator.stop().await;
}

/// Dropped without a stop, as a process dies: its row stays leased for a while.
async fn what_a_dead_process_has_left_is_sent_by_the_next<DB: BankDriver>(bank: Bank<DB>) {
    let shop = Shop::on(bank).await;
    let dead = shop.outbox().await;
    shop.coordinator.down(true);
    let gid = Gid::random();
    assert!(matches!(shop.order(&dead, &gid, 30).await, Ok(Done::Committed { .. })));
    drop(dead);
    shop.coordinator.down(false);
    let next = shop.outbox().await;
    shop.age(&gid, Duration::from_mins(1)).await;
    assert_eq!(shop.coordinator.wait(&gid).await, Status::Succeed);
    next.stop().await;
    assert_eq!(shop.balances().await, (-30, 30));
    shop.coordinator.stop().await;
}

async fn two_processes_share_what_waits<DB: BankDriver>(bank: Bank<DB>) {
    let shop = Shop::on(bank).await;
    let first = shop.outbox().await;
    let second = Outbox::start(&shop.bank.another_pool(5).await, &shop.client).await.unwrap();
    shop.coordinator.down(true);
    let gids: Vec<Gid> = (0..40).map(|_| Gid::random()).collect();
    for (number, gid) in gids.iter().enumerate() {
        let outbox = if number % 2 == 0 { &first } else { &second };
        assert!(matches!(shop.order(outbox, gid, 1).await, Ok(Done::Committed { .. })));
    }
    // The first relay ends; the second one takes over all of it.
    first.stop().await;
    shop.coordinator.down(false);
    for gid in &gids {
        shop.age(gid, Duration::from_secs(30)).await;
    }
    for gid in &gids {
        assert_eq!(shop.coordinator.wait(gid).await, Status::Succeed);
    }
    second.stop().await;
    assert_eq!(shop.balances().await, (-40, 40));
    for gid in &gids {
        assert_eq!(shop.row(gid).await.unwrap().state, OutboxState::Sent);
    }
    shop.coordinator.stop().await;
}

async fn of_several_processes_one_takes_each_row<DB: BankDriver>(bank: Bank<DB>) {
    let shop = Shop::on(bank).await;
    let outbox = shop.outbox().await;
    shop.coordinator.down(true);
    let gids: Vec<Gid> = (0..60).map(|_| Gid::random()).collect();
    for gid in &gids {
        assert!(matches!(shop.order(&outbox, gid, 1).await, Ok(Done::Committed { .. })));
    }
    outbox.stop().await;
    for gid in &gids {
        shop.age(gid, Duration::from_secs(30)).await;
    }
    shop.coordinator.down(false);
    let process = async || Outbox::start(&shop.bank.another_pool(3).await, &shop.client).await.unwrap();
    let outboxes = join_all((0..4).map(|_| process())).await;
    while outboxes[0].status().await.unwrap().waiting > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    join_all(outboxes.iter().map(Outbox::stop)).await;
    assert_eq!(shop.coordinator.submits(), 60, "each is sent once");
    for gid in &gids {
        // So many at once may not all get a turn at the account: they are called again.
        while shop.coordinator.status(gid).await != Some(Status::Succeed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            shop.coordinator.advance(Duration::from_mins(1));
        }
    }
    assert_eq!(shop.balances().await, (-60, 60));
    shop.coordinator.stop().await;
}

async fn an_acknowledgement_that_was_lost_long_ago_does_no_harm<DB: BankDriver>(bank: Bank<DB>) {
    let shop = Shop::on(bank).await;
    let outbox = shop.outbox().await;
    shop.coordinator.lose_answers(true);
    let gid = Gid::random();
    assert!(matches!(shop.order(&outbox, &gid, 30).await, Ok(Done::Committed { .. })));
    outbox.stop().await;
    shop.coordinator.lose_answers(false);
    assert_eq!(shop.coordinator.wait(&gid).await, Status::Succeed);
    assert_eq!(shop.row(&gid).await.unwrap().state, OutboxState::Waiting);

    let submits = shop.coordinator.submits();
    shop.age(&gid, Duration::from_hours(5 * 24)).await;
    let next = shop.outbox().await;
    while shop.row(&gid).await.unwrap().state == OutboxState::Waiting {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    next.stop().await;
    assert_eq!(shop.coordinator.submits(), submits + 1);
    assert_eq!(shop.row(&gid).await.unwrap().state, OutboxState::Sent);
    assert_eq!(shop.balances().await, (-30, 30));
    shop.coordinator.stop().await;
}

/// The coordinator takes it as new, and calls its branch again: the branch's barrier row remembers.
async fn what_the_coordinator_has_forgotten_is_not_applied_again<DB: BankDriver>(bank: Bank<DB>) {
    let retention = Duration::from_secs(1);
    let shop = Shop::with_retention(bank, Retention::For(retention)).await;
    let outbox = shop.outbox().await;
    shop.coordinator.lose_answers(true);
    let gid = Gid::random();
    assert!(matches!(shop.order(&outbox, &gid, 30).await, Ok(Done::Committed { .. })));
    outbox.stop().await;
    shop.coordinator.lose_answers(false);
    assert_eq!(shop.coordinator.wait(&gid).await, Status::Succeed);
    shop.coordinator.advance(2 * retention);
    while shop.coordinator.status(&gid).await.is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    shop.age(&gid, Duration::from_hours(5 * 24)).await;
    let next = shop.outbox().await;
    assert_eq!(shop.coordinator.wait(&gid).await, Status::Succeed);
    next.stop().await;
    assert_eq!(shop.row(&gid).await.unwrap().state, OutboxState::Sent);
    assert_eq!(shop.balances().await, (-30, 30));
    shop.coordinator.stop().await;
}

async fn a_message_that_the_coordinator_never_takes_is_put_aside_and_shown<DB: BankDriver>(bank: Bank<DB>) {
    let shop = Shop::on(bank).await;
    let outbox = shop.outbox().await;
    let gid = Gid::random();
    let _ = shop.client.msg(Shop::<DB>::branch(1)).gid(gid.clone()).submit().await.unwrap();
    assert_eq!(shop.coordinator.wait(&gid).await, Status::Succeed);

    let done = shop.order(&outbox, &gid, 30).await;
    assert!(matches!(done, Ok(Done::Stopped { value: Some(()), .. })), "{done:?}");
    outbox.stop().await;
    let stuck = outbox.stuck().await.unwrap();
    assert_eq!(stuck.len(), 1);
    assert_eq!(stuck[0].gid, gid.as_str());
    assert_eq!(stuck[0].reason, "the coordinator has another transaction under this gid");
    let status = outbox.status().await.unwrap();
    assert_eq!((status.waiting, status.stuck, status.put_aside), (0, 1, 1));
    assert!(status.to_string().contains("\nbranchwire_outbox_stuck 1\n"), "{status}");
    // No relay sends it any more.
    let next = shop.outbox().await;
    next.stop().await;
    assert_eq!(shop.row(&gid).await.unwrap().state, OutboxState::Aside);
    assert_eq!(shop.balances().await, (-30, 1));
    shop.coordinator.stop().await;
}

async fn a_message_that_is_too_old_is_put_aside_until_a_person_has_looked<DB: BankDriver>(bank: Bank<DB>) {
    let shop = Shop::on(bank).await;
    let outbox = shop.outbox().await;
    shop.coordinator.down(true);
    let gid = Gid::random();
    let _ = shop.order(&outbox, &gid, 30).await.unwrap();
    outbox.stop().await;
    shop.age(&gid, RESEND_AGE_MAX + Duration::from_mins(1)).await;
    shop.coordinator.down(false);

    let next = shop.outbox().await;
    while shop.row(&gid).await.unwrap().state == OutboxState::Waiting {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(shop.coordinator.status(&gid).await, None);
    assert!(next.stuck().await.unwrap()[0].reason.starts_with("older than"));
    assert_eq!(next.retry_stuck().await.unwrap(), 1);
    assert_eq!(shop.coordinator.wait(&gid).await, Status::Succeed);
    next.stop().await;
    assert_eq!(shop.balances().await, (-30, 30));
    shop.coordinator.stop().await;
}
