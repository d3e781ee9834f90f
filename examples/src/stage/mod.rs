//! What a play needs: services as processes that can be killed, and lines between them that can fail.

mod process;
mod relay;
mod run;

pub use self::process::Process;
pub use self::relay::{Late, Relay};
pub use self::run::{Error, run};

/// Kills a process, and says so.
pub async fn kill(process: &mut Process) -> Result<(), Error> {
    say(&format!("{} is killed", process.name));
    process.kill().await
}

/// Starts a process again, and says so.
pub async fn restart(process: &mut Process) -> Result<(), Error> {
    process.restart().await?;
    say(&format!("{} is started again", process.name));
    Ok(())
}

/// Says what happens now.
pub fn say(what: &str) {
    println!("   - {what}");
}

/// An amount of money in words.
pub fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
