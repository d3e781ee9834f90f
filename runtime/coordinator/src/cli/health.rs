//! `branchwire health`: whether the coordinator on this machine can take messages.

use std::time::Duration;

use super::listen::Listen;

/// How long it may take to answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks the coordinator that listens there.
///
/// # Errors
/// What it says, or why it says nothing.
pub(super) async fn ask(listen: &Listen) -> Result<(), String> {
    let url = format!("http://{}/api/ready", listen.reached_from_here());
    let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().map_err(|error| error.to_string())?;
    let response = client.get(&url).send().await.map_err(|_| format!("nothing answers at {url}"))?;
    if response.status().is_success() { Ok(()) } else { Err(format!("{url} answers {}", response.status())) }
}
