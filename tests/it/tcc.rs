//! A TCC of two branches, on each kind of database: seats are held, and then taken or given back.

use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use branchwire::barrier::{SWEEP_AGE_MIN, set_up, sweep};
use branchwire::prelude::*;
use branchwire::protocol::{Status, client};
use branchwire::tcc::CallError;
use branchwire::{axum, sqlx};
use branchwire_coordinator::testing::{Services, TestCoordinator};
use branchwire_tests::database::TestDatabase;
use branchwire_tests::server::{self, Server};
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;
use tower::ServiceExt as _;

/// How many seats, and how long a note about them.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Hold {
    seats: i64,
    note: usize,
}

/// The seats that were held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Held {
    seats: i64,
    note: String,
}

/// Why a customer does not fly.
#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("too dear")]
    TooDear,
    #[error(transparent)]
    Call(#[from] CallError),
}

fn hold(seats: i64) -> Hold {
    Hold { seats, note: 3 }
}

/// Makes a call as a coordinator or a client does; returns its status and its body.
async fn call(app: &Router, path: &str, gid: &Gid, op: &str, seats: i64) -> (u16, String) {
    let uri = format!("/seats/{path}?gid={gid}&trans_type=tcc&branch_id=01&op={op}");
    let body = serde_json::to_string(&hold(seats)).expect("numbers");
    let request = Request::post(uri).body(Body::from(body)).expect("a request");
    let response = app.clone().oneshot(request).await.expect("an answer");
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    (status, String::from_utf8(body.into()).expect("text"))
}

/// A MariaDB for one test alone.
async fn own_mysql() -> Option<(Server, TestDatabase)> {
    let server = server::own_mysql().await?;
    let database = TestDatabase::on(&server).await;
    Some((server, database))
}

macro_rules! on_a_database {
    ($module:ident, $open:expr, $own:expr, $pool:ty, $kept:literal, $barrier:literal, $old:literal) => {
        mod $module {
            use super::*;

            #[derive(Clone, Database)]
            struct Airline($pool);

            #[branchwire::service("/seats")]
            mod seats {
                use super::*;

                /// Holds seats, or refuses.
                #[tcc_try]
                pub(super) async fn reserve(tx: &mut Tx<Airline>, req: Hold) -> Result<Held, BranchError> {
                    let hold =
                        format!("UPDATE seats SET free = free - {0}, held = held + {0} WHERE free >= {0}", req.seats);
                    let held = sqlx::query(AssertSqlSafe(hold)).execute(&mut *tx).await?.rows_affected();
                    (held == 1).then_some(()).or_refuse("sold out")?;
                    Ok(Held { seats: req.seats, note: "n".repeat(req.note) })
                }

                /// Sells them.
                #[tcc_confirm(of = reserve)]
                pub(super) async fn take(tx: &mut Tx<Airline>, _: Hold, Kept(held): Kept<Held>) -> Result<(), Retry> {
                    let take = format!("UPDATE seats SET held = held - {0}, taken = taken + {0}", held.seats);
                    sqlx::query(AssertSqlSafe(take)).execute(&mut *tx).await?;
                    Ok(())
                }

                /// Without a payload, and nothing is kept.
                #[tcc_try]
                pub(super) async fn look(_: &mut Tx<Airline>) -> Result<(), BranchError> {
                    Ok(())
                }

                #[tcc_confirm(of = look)]
                pub(super) async fn seen(_: &mut Tx<Airline>) -> Result<(), Retry> {
                    Ok(())
                }

                #[tcc_cancel(of = look)]
                pub(super) async fn unseen(_: &mut Tx<Airline>) -> Result<(), Retry> {
                    Ok(())
                }

                /// Gives them back.
                #[tcc_cancel(of = reserve)]
                pub(super) async fn release(
                    tx: &mut Tx<Airline>,
                    _: Hold,
                    Kept(held): Kept<Held>,
                ) -> Result<(), Retry> {
                    let release = format!("UPDATE seats SET held = held - {0}, free = free + {0}", held.seats);
                    sqlx::query(AssertSqlSafe(release)).execute(&mut *tx).await?;
                    Ok(())
                }
            }

            struct World {
                airline: Airline,
                app: Router,
                services: Services,
                coordinator: TestCoordinator,
                seats: seats::Remote,
                _database: TestDatabase,
            }

            impl World {
                /// An airline with ten free seats.
                async fn start() -> Option<Self> {
                    Some(Self::on($open?).await)
                }

                async fn on(database: TestDatabase) -> Self {
                    let airline = Airline(<$pool>::connect(database.url()).await.expect("a database"));
                    set_up(&airline).await.expect("the database is fit");
                    sqlx::raw_sql(
                        "CREATE TABLE seats (free INT, held INT, taken INT); INSERT INTO seats VALUES (10, 0, 0)",
                    )
                    .execute(&airline.0)
                    .await
                    .expect("an empty database");
                    let app: Router = seats::router().with_state(airline.clone());
                    let services = Services::default();
                    services.host("http://seats", app.clone());
                    let coordinator = TestCoordinator::start(services.clone()).await;
                    let seats = seats::at("http://seats").expect("an address");
                    Self { airline, app, services, coordinator, seats, _database: database }
                }

                fn tcc(&self) -> branchwire::tcc::TccOptions {
                    self.coordinator.client::<Client>().tcc()
                }

                async fn number(&self, sql: &str) -> i64 {
                    sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
                        .fetch_one(&self.airline.0)
                        .await
                        .expect("a number")
                }

                /// Free, held, taken.
                async fn books(&self) -> [i64; 3] {
                    let mut books = [0; 3];
                    for (book, column) in books.iter_mut().zip(["free", "held", "taken"]) {
                        *book = self.number(&format!("SELECT CAST({column} AS {}) FROM seats", $old)).await;
                    }
                    books
                }

                /// How many values are kept of this TCC.
                async fn kept(&self, gid: &Gid) -> i64 {
                    self.number(&format!(concat!("SELECT count(*) FROM ", $kept, " WHERE gid = '{}'"), gid)).await
                }

                async fn stop(self) {
                    self.coordinator.stop().await;
                }
            }

            #[tokio::test]
            async fn what_is_reserved_is_confirmed_with_what_was_kept() {
                // A sweep ends at the first thousand young rows, so no other test may have rows in this table.
                let Some((_server, database)) = $own else { return };
                let world = World::on(database).await;
                let seats = &world.seats;
                let done = world
                    .tcc()
                    .run(async |tcc| {
                        tcc.call(seats.look()).await?;
                        let first = tcc.call(seats.reserve(&hold(1))).await?;
                        let (second, third) = tcc.join((seats.reserve(&hold(2)), seats.reserve(&hold(3)))).await?;
                        let [fourth] = tcc.join([seats.reserve(&hold(4))]).await?;
                        Ok::<_, Why>([first, second, third, fourth].map(|held| held.seats))
                    })
                    .await
                    .unwrap();
                let TccDone::Confirmed { gid, value, finished } = done else { panic!("{done:?}") };
                assert_eq!((value, finished), ([1, 2, 3, 4], true));
                assert_eq!(world.books().await, [0, 0, 10]);
                assert_eq!(world.kept(&gid).await, 4);
                // The same order again.
                let again = world.tcc().gid(gid.clone()).run(async |_| Ok::<_, Why>(())).await.unwrap();
                assert_eq!(again, TccDone::Repeated { gid: gid.clone(), finished: true });
                let outcome = world.coordinator.client::<Client>().outcome(&gid).await.unwrap();
                assert_eq!(outcome, client::Outcome::Succeeded);
                // What was kept goes with the barrier rows.
                let old = concat!("UPDATE ", $barrier, " SET create_time = '2020-01-01 00:00:00' WHERE gid = '{}'");
                sqlx::query(AssertSqlSafe(old.replace("{}", gid.as_str()))).execute(&world.airline.0).await.unwrap();
                sweep(&world.airline, SWEEP_AGE_MIN).await.unwrap();
                assert_eq!(world.books().await, [0, 0, 10]);
                assert_eq!(world.kept(&gid).await, 0);
                world.stop().await;
            }

            #[tokio::test]
            async fn an_error_of_the_closure_or_of_a_call_cancels_all() {
                let Some(world) = World::start().await else { return };
                let seats = &world.seats;
                let dear = world
                    .tcc()
                    .run(async |tcc| {
                        tcc.call(seats.reserve(&hold(1))).await?;
                        Err::<(), _>(Why::TooDear)
                    })
                    .await
                    .unwrap_err();
                let TccNotDone::Cancelled { gid, why: Why::TooDear, finished: true } = dear else { panic!("{dear:?}") };
                assert_eq!(world.books().await, [10, 0, 0]);
                let again = world.tcc().gid(gid).run(async |_| Ok::<_, Why>(())).await.unwrap_err();
                assert!(matches!(again, TccNotDone::GivenUp { finished: true, .. }), "{again:?}");
                // Sold out, and the closure ignores the error.
                let ignored = world
                    .tcc()
                    .run(async |tcc| {
                        tcc.call(seats.reserve(&hold(1))).await?;
                        let refused = tcc.call(seats.reserve(&hold(20))).await.unwrap_err();
                        assert!(matches!(refused, CallError::Refused { number: 2 }), "{refused:?}");
                        let broken = tcc.call(seats.reserve(&hold(1))).await.unwrap_err();
                        assert!(matches!(broken, CallError::Broken), "{broken:?}");
                        Ok::<_, Why>(())
                    })
                    .await
                    .unwrap_err();
                assert!(matches!(ignored, TccNotDone::CallFailed { finished: true, .. }), "{ignored:?}");
                assert_eq!(world.books().await, [10, 0, 0]);
                world.stop().await;
            }

            #[tokio::test]
            async fn a_try_whose_answer_is_lost_is_cancelled() {
                let Some(world) = World::start().await else { return };
                world.services.lose_answers("http://seats", true);
                let lost = world.tcc().run(async |tcc| Ok::<_, Why>(tcc.call(world.seats.reserve(&hold(2))).await?));
                let lost = lost.await.unwrap_err();
                let TccNotDone::Cancelled { gid, why: Why::Call(CallError::NoAnswer { .. }), finished: false } = lost
                else {
                    panic!("{lost:?}")
                };
                world.services.lose_answers("http://seats", false);
                world.coordinator.ask_now(&gid).await;
                assert_eq!(world.coordinator.wait(&gid).await, Status::Failed);
                assert_eq!(world.books().await, [10, 0, 0]);
                world.stop().await;
            }

            #[tokio::test]
            async fn a_repeated_try_returns_the_same_and_one_after_its_cancel_is_refused() {
                let Some(world) = World::start().await else { return };
                let gid = Gid::random();
                let first = call(&world.app, "reserve", &gid, "try", 2).await;
                assert_eq!(first.0, 200);
                assert!(first.1.contains("data"), "{}", first.1);
                assert_eq!(call(&world.app, "reserve", &gid, "try", 2).await, first);
                assert_eq!(world.books().await, [8, 2, 0]);
                assert_eq!(world.kept(&gid).await, 1);
                for _ in 0..2 {
                    assert_eq!(call(&world.app, "take", &gid, "confirm", 2).await.0, 200);
                }
                assert_eq!(world.books().await, [8, 0, 2]);
                let late = Gid::random();
                assert_eq!(call(&world.app, "release", &late, "cancel", 2).await.0, 200);
                assert_eq!(call(&world.app, "reserve", &late, "try", 2).await.0, 409);
                assert_eq!(call(&world.app, "release", &late, "cancel", 2).await.0, 200);
                // Also if it was applied before: a coordinator that asks again has forgotten the TCC.
                let cancelled = Gid::random();
                assert_eq!(call(&world.app, "reserve", &cancelled, "try", 2).await.0, 200);
                assert_eq!(call(&world.app, "release", &cancelled, "cancel", 2).await.0, 200);
                assert_eq!(call(&world.app, "reserve", &cancelled, "try", 2).await.0, 409);
                // The words of a workflow; a word of another role is no call of this route.
                let workflow = Gid::random();
                assert_eq!(call(&world.app, "reserve", &workflow, "action", 1).await.0, 200);
                assert_eq!(call(&world.app, "release", &workflow, "rollback", 1).await.0, 200);
                assert_eq!(call(&world.app, "reserve", &workflow, "cancel", 1).await.0, 400);
                assert_eq!(world.books().await, [8, 0, 2]);
                world.stop().await;
            }

            #[tokio::test]
            async fn a_confirm_without_its_try_never_succeeds() {
                let Some(world) = World::start().await else { return };
                let (never, cancelled) = (Gid::random(), Gid::random());
                assert_eq!(call(&world.app, "release", &cancelled, "cancel", 2).await.0, 200);
                for gid in [&never, &cancelled] {
                    for _ in 0..2 {
                        assert_eq!(call(&world.app, "take", gid, "confirm", 2).await.0, 500);
                    }
                }
                assert_eq!(world.books().await, [10, 0, 0]);
                // The try may still come.
                assert_eq!(call(&world.app, "reserve", &never, "try", 2).await.0, 200);
                assert_eq!(call(&world.app, "take", &never, "confirm", 2).await.0, 200);
                assert_eq!(world.books().await, [8, 0, 2]);
                world.stop().await;
            }

            #[tokio::test]
            async fn what_is_too_long_to_keep_is_not_committed() {
                let Some(world) = World::start().await else { return };
                let long = Hold { seats: 1, note: 40_000 };
                let refused = world.tcc().run(async |tcc| Ok::<_, Why>(tcc.call(world.seats.reserve(&long)).await?));
                let refused = refused.await.unwrap_err();
                assert!(
                    matches!(refused, TccNotDone::Cancelled { why: Why::Call(CallError::NoAnswer { .. }), .. }),
                    "{refused:?}"
                );
                assert_eq!(world.books().await, [10, 0, 0]);
                world.stop().await;
            }

            #[tokio::test]
            async fn what_a_client_held_that_went_away_or_hangs_is_released() {
                let Some(world) = World::start().await else { return };
                let gid = Gid::random();
                {
                    let held = tokio::sync::Notify::new();
                    let run = world.tcc().gid(gid.clone()).run(async |tcc| {
                        tcc.call(world.seats.reserve(&hold(2))).await?;
                        held.notify_one();
                        pending::<Result<(), Why>>().await
                    });
                    // Dropped between its tries.
                    tokio::select! {
                        done = run => panic!("{done:?}"),
                        () = held.notified() => {}
                    }
                }
                // At once: the clock of the coordinator stands still.
                assert_eq!(world.coordinator.wait(&gid).await, Status::Failed);
                assert_eq!(world.books().await, [10, 0, 0]);
                // A closure that never ends runs into its time limit.
                let hangs = world.tcc().within(Duration::ZERO).run(async |_| pending::<Result<(), Why>>().await);
                let hangs = hangs.await.unwrap_err();
                assert!(matches!(hangs, TccNotDone::TimedOut { .. }), "{hangs:?}");
                world.stop().await;
            }

            #[tokio::test]
            async fn a_panic_of_the_closure_cancels_and_goes_on() {
                let Some(world) = World::start().await else { return };
                let (gid, seats) = (Gid::random(), world.seats.clone());
                let tcc = world.tcc().gid(gid.clone());
                let task = tokio::spawn(async move {
                    tcc.run(async |tcc| {
                        tcc.call(seats.reserve(&hold(2))).await?;
                        if tcc.gid().as_str().is_empty() { Ok::<_, Why>(()) } else { panic!("as the test wants") }
                    })
                    .await
                });
                assert!(task.await.unwrap_err().is_panic());
                assert_eq!(world.coordinator.wait(&gid).await, Status::Failed);
                assert_eq!(world.books().await, [10, 0, 0]);
                world.stop().await;
            }
        }
    };
}

on_a_database!(
    sqlite,
    Some(TestDatabase::sqlite()),
    Some(((), TestDatabase::sqlite())),
    sqlx::SqlitePool,
    "branchwire_kept",
    "dtm_barrier_barrier",
    "INTEGER"
);
on_a_database!(
    postgres,
    TestDatabase::postgres().await,
    TestDatabase::postgres().await.map(|database| ((), database)),
    sqlx::PgPool,
    "dtm_barrier.branchwire_kept",
    "dtm_barrier.barrier",
    "BIGINT"
);
on_a_database!(
    mysql,
    TestDatabase::mysql().await,
    own_mysql().await,
    sqlx::MySqlPool,
    "dtm_barrier.branchwire_kept",
    "dtm_barrier.barrier",
    "SIGNED"
);
