//! The faults and their times.

use std::fmt;
use std::time::{Duration, Instant};

use super::customer::Shift;
use super::process::{Health, Member};
use super::{Failure, Kind, World};

/// Whether the coordinator's SQLite file is on a disk that can be filled.
#[derive(Debug, Clone, Copy, Default)]
enum Disk {
    /// It has no SQLite file.
    #[default]
    None,
    Small,
    /// Mounting such a disk is not allowed.
    Skipped,
}

/// How often each fault came.
#[derive(Debug, Clone, Default)]
pub(super) struct Count {
    coordinator_kills: u64,
    /// From when to when the coordinator was away.
    pub(super) absence: Option<(Instant, Instant)>,
    bank_kills: u64,
    pauses: u64,
    file_limits: u64,
    small_files: u64,
    disks_full: u64,
    disk: Disk,
    few_files: u64,
    not_started: u64,
    database_crashes: u64,
}

impl Count {
    pub(super) fn kills(&self) -> u64 {
        self.coordinator_kills + self.bank_kills
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "coordinator killed {} times and banks {} times by SIGKILL, the coordinator once away for {:.0} s, {} paused by \
             SIGSTOP; started {} times with few file descriptors, {} times with files that may not grow (RLIMIT_FSIZE), {} times with a store that may not \
             (max_page_count), of which {} failed at once; ",
            self.coordinator_kills,
            self.bank_kills,
            self.absence.map_or(0.0, |(from, to)| (to - from).as_secs_f64()),
            self.pauses,
            self.few_files,
            self.file_limits,
            self.small_files,
            self.not_started,
        )?;
        match self.disk {
            Disk::None => write!(f, "database crashed {} times", self.database_crashes),
            Disk::Small => write!(f, "disk filled up {} times", self.disks_full),
            Disk::Skipped => write!(f, "disk never filled up: skipped, mounting a small one is not allowed here"),
        }
    }
}

/// One fault after the other, until this time. In its middle the coordinator is away for a quarter of the time. A round
/// without a kill, or without an order meanwhile, shows little, so on a slow machine it lasts longer.
pub(super) async fn inject_until(end: Instant, seed: u64, world: &mut World, shift: &Shift) -> Result<Count, Failure> {
    let mut random = fastrand::Rng::with_seed(seed.wrapping_add(1));
    let begin = Instant::now();
    let quarter = end.saturating_duration_since(begin) / 4;
    let (leaves, returns) = (begin + 2 * quarter, begin + 3 * quarter);
    // Since when the coordinator is away, and how many orders had been carried out by an outbox then.
    let mut away: Option<(Instant, u64)> = None;
    let disk = match (world.kind, &world.disk) {
        (Kind::Sqlite, None) => Disk::Skipped,
        (Kind::Sqlite, Some(_)) => Disk::Small,
        _ => Disk::None,
    };
    let mut count = Count { disk, ..Count::default() };
    while Instant::now() < end || count.kills() == 0 || count.absence.is_none() {
        tokio::time::sleep(Duration::from_millis(random.u64(50..700))).await;
        if let Some((since, done)) = away {
            if Instant::now() >= returns && shift.done_by_outbox() > done {
                count.absence = Some((since, Instant::now()));
                away = None;
                world.coordinator.restart(Health::Good).await?;
            }
        } else if count.absence.is_none() && Instant::now() >= leaves {
            world.coordinator.kill().await?;
            away = Some((Instant::now(), shift.done_by_outbox()));
        }
        match random.u8(0..100) {
            0..8 if world.server.is_some() => {
                count.database_crashes += 1;
                if let Some(server) = &mut world.server {
                    server.crash().await;
                }
            }
            0..8 if world.disk.is_some() => {
                count.disks_full += 1;
                if let Some(disk) = &world.disk {
                    disk.fill()?;
                    tokio::time::sleep(Duration::from_millis(random.u64(200..2000))).await;
                    disk.empty()?;
                }
            }
            8..18 => {
                count.pauses += 1;
                let member = any(world, away.is_some(), &mut random);
                member.signal("STOP").await?;
                tokio::time::sleep(Duration::from_millis(random.u64(50..2500))).await;
                member.signal("CONT").await?;
            }
            18..50 if away.is_none() => {
                count.coordinator_kills += 1;
                let health = health(world.kind, &mut random, &mut count);
                restart(&mut world.coordinator, health, &mut random, &mut count).await?;
            }
            choice => {
                count.bank_kills += 1;
                let bank = if choice % 2 == 0 { &mut world.bank_a } else { &mut world.bank_b };
                let health = if choice > 90 { few_files(&mut random, &mut count) } else { Health::Good };
                restart(bank, health, &mut random, &mut count).await?;
            }
        }
    }
    Ok(count)
}

/// A bank, or the coordinator unless it is away.
fn any<'a>(world: &'a World, away: bool, random: &mut fastrand::Rng) -> &'a Member {
    [&world.bank_a, &world.bank_b, &world.coordinator][random.usize(0..if away { 2 } else { 3 })]
}

/// The process runs in bad health for this time; if it cannot start, it is down for this time.
async fn restart(
    member: &mut Member,
    health: Health,
    random: &mut fastrand::Rng,
    count: &mut Count,
) -> Result<(), Failure> {
    if !member.restart(health).await? {
        count.not_started += 1;
    }
    if health != Health::Good {
        tokio::time::sleep(Duration::from_millis(random.u64(200..2000))).await;
        member.restart(Health::Good).await?;
    }
    Ok(())
}

fn health(kind: Kind, random: &mut fastrand::Rng, count: &mut Count) -> Health {
    match random.u8(0..10) {
        0..2 if kind == Kind::Sqlite => {
            count.file_limits += 1;
            Health::FileLimit(random.u32(70..400))
        }
        2..4 if kind == Kind::Sqlite => {
            count.small_files += 1;
            // The file is usually larger already: then it cannot grow at all.
            Health::SmallFile(random.u32(0..2))
        }
        4..6 => few_files(random, count),
        _ => Health::Good,
    }
}

fn few_files(random: &mut fastrand::Rng, count: &mut Count) -> Health {
    count.few_files += 1;
    Health::FewFiles(random.u32(14..60))
}
