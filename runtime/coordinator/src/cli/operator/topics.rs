//! `topics`: who gets the messages of each topic.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::options;
use super::screen::{Rows, cell, line};
use super::server::{Failed, Server};
use super::text::plain;

pub(super) async fn topics(options: &options::Server) -> Result<ExitCode, Failed> {
    let server = Server::new(options)?;
    let mut rows = Rows::new(&["TOPIC", "SUBSCRIBER", "REMARK"]);
    let mut position = String::new();
    loop {
        let page = server.get("scanKV", &[("cat", "topics"), ("position", &position), ("limit", "1000")]).await?;
        for row in page["kv"].as_array().into_iter().flatten() {
            let topic = row["k"].as_str().unwrap_or_default();
            let subscribers: Value = serde_json::from_str(row["v"].as_str().unwrap_or_default()).unwrap_or_default();
            if options.json {
                line(&json!({ "topic": topic, "subscribers": subscribers }).to_string())?;
            }
            let subscribers = subscribers.as_array().map(Vec::as_slice).unwrap_or_default();
            if subscribers.is_empty() {
                rows.add([topic, "-", ""].map(|text| cell(plain(text))));
            }
            for one in subscribers {
                let text = |name: &str| one[name].as_str().unwrap_or_default();
                rows.add([topic, text("url"), text("remark")].map(|text| cell(plain(text))));
            }
        }
        page["next_position"].as_str().unwrap_or_default().clone_into(&mut position);
        if position.is_empty() {
            break;
        }
    }
    if !options.json {
        rows.print()?;
    }
    Ok(ExitCode::SUCCESS)
}
