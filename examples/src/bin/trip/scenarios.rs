//! The scenarios, and what must hold after each.

use std::process::ExitCode;

use branchwire::Gid;
use branchwire_examples::stage::{Error, kill, money, restart, say};
use branchwire_examples::trip::{Answer, Trip};

use crate::Play;
use crate::stage::{Pattern, Stage, told};

/// The price of a trip, in cents.
const PRICE: i64 = 10_000;

const TITLES: [&str; 12] = [
    "all goes well",
    "the bank refuses: room and seat are given back",
    "the airline is killed in its action, and comes back",
    "the bank refuses, and the hotel fails three times to cancel",
    "the bank refuses, and the coordinator is killed while it goes back",
    "an order is refused, and sent again once there is money; then it is sent once more",
    "the agency dies after it has sent the saga",
    "as a TCC: all is held, and then taken",
    "as a TCC: a try is lost, and arrives after its cancel",
    "as a TCC: the agency dies between two tries, and what was held is released",
    "as a TCC: a confirm fails three times",
    "as a TCC: an order is refused, and sent again once there is money; then it is sent once more",
];

/// The scenario that kills its coordinator.
const KILLS_COORDINATOR: usize = 5;

/// Plays what was asked for; the last line says how many scenarios hold.
pub(crate) async fn play(play: Play) -> Result<ExitCode, Error> {
    let temporary;
    let dir = if let Some(dir) = &play.dir {
        std::fs::create_dir_all(dir)?;
        std::path::absolute(dir)?
    } else {
        temporary = tempfile::tempdir()?;
        temporary.path().to_owned()
    };
    let mut stage = Stage::set(&play, &dir).await?;
    stage.show_cast(play.dir.as_deref());

    let numbers: Vec<usize> = (1..=TITLES.len())
        .filter(|number| play.only.is_none_or(|only| only == *number))
        .filter(|number| stage.coordinator.is_some() || *number != KILLS_COORDINATOR)
        .collect();
    let mut holding = 0;
    for number in &numbers {
        println!("\n{number}. {}", TITLES[*number - 1]);
        match scenario(&mut stage, *number).await {
            Ok(()) => {
                holding += 1;
                println!("   holds");
            }
            Err(error) => {
                println!("   DOES NOT HOLD: {error}");
                stage.mend().await?;
            }
        }
    }
    if stage.coordinator.is_none() {
        println!("\nScenario {KILLS_COORDINATOR} kills its coordinator, and is left out with one that is not its own.");
    }
    if let Some(dir) = &play.dir {
        println!("\nThe databases and logs are in {}.", dir.display());
    }
    println!("\ntrip: {holding} of {} scenarios hold", numbers.len());
    Ok(if holding == numbers.len() && holding > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// An order that nobody has sent before.
fn order(price: i64) -> Trip {
    say(&format!("a customer orders a trip for {}", money(price)));
    Trip { order: Gid::random().to_string(), price }
}

async fn scenario(stage: &mut Stage, number: usize) -> Result<(), Error> {
    let before = stage.show("before").await?;
    // More than there is on the card.
    let price = if matches!(number, 2 | 4 | 5 | 6 | 12) { before.cents + 1 } else { PRICE };
    let trip = order(price);
    // What was refused is booked under the second gid of its order.
    let is_sent_again = matches!(number, 6 | 12);
    let gid = trip.gids().nth(usize::from(is_sent_again)).ok_or("a name that a gid can hold")?;
    let ends = match number {
        1 => all_goes_well(stage, &trip).await?,
        2 => the_bank_refuses(stage, &trip).await?,
        3 => the_airline_is_killed(stage, &trip).await?,
        4 => the_hotel_fails_to_cancel(stage, &trip, &gid).await?,
        5 => the_coordinator_is_killed(stage, &trip, &gid).await?,
        6 => sent_again(stage, &trip, Pattern::Saga).await?,
        7 => the_agency_dies(stage, &trip, &gid).await?,
        8 => all_is_held_and_taken(stage, &trip).await?,
        9 => a_try_is_late(stage, &trip, &gid).await?,
        10 => the_agency_dies_between_tries(stage, &trip, &gid).await?,
        11 => a_confirm_fails(stage, &trip).await?,
        _ => sent_again(stage, &trip, Pattern::Tcc).await?,
    };
    stage.reaches(&gid, ends).await?;
    let after = stage.show("after").await?;
    // The saga ends with a voucher.
    let spent = if is_sent_again { 0 } else { price };
    let due = if ends == "succeed" { before.after_a_trip(spent, i64::from(number <= 7)) } else { before };
    if after == due { Ok(()) } else { Err(format!("there should be {due}").into()) }
}

async fn all_goes_well(stage: &Stage, trip: &Trip) -> Result<&'static str, Error> {
    stage.order(trip, Pattern::Saga, Answer::Booked).await?;
    Ok("succeed")
}

async fn the_bank_refuses(stage: &Stage, trip: &Trip) -> Result<&'static str, Error> {
    stage.order(trip, Pattern::Saga, Answer::Refused).await?;
    Ok("failed")
}

async fn the_airline_is_killed(stage: &mut Stage, trip: &Trip) -> Result<&'static str, Error> {
    // A lock on the flight keeps the airline inside its transaction.
    let lock = stage.databases.airline.lock_flight().await?;
    let called = stage.line_to_airline.announce_next("book");
    let customer = stage.send(trip, Pattern::Saga);
    called.await?;
    say("the airline is called, waits for a lock on its flight, and has not committed");
    kill(&mut stage.airline).await?;
    drop(lock);
    customer.await?;
    stage.show("now").await?;
    restart(&mut stage.airline).await?;
    Ok("succeed")
}

async fn the_hotel_fails_to_cancel(stage: &Stage, trip: &Trip, gid: &Gid) -> Result<&'static str, Error> {
    let third = stage.line_to_hotel.fail_next("cancel", 3);
    stage.order(trip, Pattern::Saga, Answer::Refused).await?;
    third.await?;
    stage.reaches(gid, "aborting").await?;
    say("the hotel has failed three times, and the room is still booked");
    stage.show("now").await?;
    Ok("failed")
}

async fn the_coordinator_is_killed(stage: &mut Stage, trip: &Trip, gid: &Gid) -> Result<&'static str, Error> {
    // The line to the hotel is broken meanwhile, so that the way back cannot end before the coordinator does.
    drop(stage.line_to_hotel.fail_next("cancel", u32::MAX));
    stage.order(trip, Pattern::Saga, Answer::Refused).await?;
    stage.reaches(gid, "aborting").await?;
    let coordinator = stage.coordinator.as_mut().ok_or("the coordinator is not ours to kill")?;
    kill(coordinator).await?;
    stage.line_to_hotel.mend();
    stage.show("now").await?;
    let coordinator = stage.coordinator.as_mut().ok_or("the coordinator is not ours to kill")?;
    restart(coordinator).await?;
    Ok("failed")
}

async fn sent_again(stage: &Stage, trip: &Trip, pattern: Pattern) -> Result<&'static str, Error> {
    stage.order(trip, pattern, Answer::Refused).await?;
    stage.databases.bank.pay_in(trip.price).await?;
    say(&format!("the customer pays {} in, and sends the same order again", money(trip.price)));
    stage.order(trip, pattern, Answer::Booked).await?;
    say("the same order once more");
    stage.order(trip, pattern, Answer::Booked).await?;
    let third = trip.gids().nth(2).ok_or("a name that a gid can hold")?;
    match stage.client.query(&third).await?.transaction {
        None => Ok("succeed"),
        Some(third) => Err(format!("a third attempt was made: it is `{}`", third.status).into()),
    }
}

async fn the_agency_dies(stage: &mut Stage, trip: &Trip, gid: &Gid) -> Result<&'static str, Error> {
    // The bank is away meanwhile, so that the saga cannot end before the agency does.
    kill(&mut stage.bank).await?;
    let customer = stage.send(trip, Pattern::Saga);
    stage.reaches(gid, "submitted").await?;
    kill(&mut stage.agency).await?;
    customer.await?;
    stage.show("now").await?;
    restart(&mut stage.bank).await?;
    say("nobody at the agency waits for the trip any more; the coordinator goes on");
    restart(&mut stage.agency).await?;
    Ok("succeed")
}

async fn all_is_held_and_taken(stage: &Stage, trip: &Trip) -> Result<&'static str, Error> {
    let mut late = stage.line_to_bank.keep_next("reserve");
    let customer = stage.send(trip, Pattern::Tcc);
    (&mut late.came).await?;
    say("the bank is asked to reserve the money; room and seat are held");
    stage.show("now").await?;
    late.arrives().await?;
    told(customer.await?, Answer::Booked)?;
    Ok("succeed")
}

async fn a_try_is_late(stage: &Stage, trip: &Trip, gid: &Gid) -> Result<&'static str, Error> {
    let mut late = stage.line_to_airline.keep_next("hold");
    let customer = stage.send(trip, Pattern::Tcc);
    (&mut late.came).await?;
    drop(stage.line_to_airline.fail_next("hold", u32::MAX));
    say("the airline does not hear that it shall hold a seat");
    told(customer.await?, Answer::Refused)?;
    stage.line_to_airline.mend();
    stage.reaches(gid, "failed").await?;
    stage.show("now").await?;
    let answer = late.arrives().await?;
    say(&format!("now the airline hears it, and answers {}", answer.as_u16()));
    if answer.as_u16() == 409 { Ok("failed") } else { Err("a try after its cancel should be refused".into()) }
}

async fn the_agency_dies_between_tries(stage: &mut Stage, trip: &Trip, gid: &Gid) -> Result<&'static str, Error> {
    let mut late = stage.line_to_bank.keep_next("reserve");
    let customer = stage.send(trip, Pattern::Tcc);
    (&mut late.came).await?;
    say("room and seat are held; the bank is asked next");
    kill(&mut stage.agency).await?;
    customer.await?;
    stage.show("now").await?;
    say("nobody decides; the coordinator cancels in time");
    stage.reaches(gid, "failed").await?;
    restart(&mut stage.agency).await?;
    Ok("failed")
}

async fn a_confirm_fails(stage: &Stage, trip: &Trip) -> Result<&'static str, Error> {
    let third = stage.line_to_airline.fail_next("take", 3);
    stage.order(trip, Pattern::Tcc, Answer::Booked).await?;
    third.await?;
    say("the airline has failed three times to take the seat that it holds");
    stage.show("now").await?;
    Ok("succeed")
}
