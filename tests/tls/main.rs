//! Databases that are reached over TLS only, by the coordinator and by the connections of services.
//!
//! The servers and their certificates are made for each test, and a server of these refuses whoever does not speak TLS.

mod mysql;
mod postgres;

use branchwire_coordinator::Coordinator;

/// Opens a coordinator on this store, which creates its tables, and stops it.
///
/// # Errors
/// Why it does not start.
async fn open(store: &str) -> Result<(), String> {
    let coordinator = Coordinator::builder().store(store).start().await.map_err(|error| error.to_string())?;
    coordinator.stop().await;
    Ok(())
}

/// `url` with another host and these parameters.
fn with(url: &url::Url, host: &str, parameters: &str) -> String {
    let mut url = url.clone();
    url.set_host(Some(host)).expect("a host");
    url.set_query(Some(parameters));
    url.into()
}
