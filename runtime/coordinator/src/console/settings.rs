//! The settings that are in force, and what was done by hand.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::html;

use super::page::Page;
use super::session::Session;
use super::shared::Shared;
use super::words::{foreign, moment};

pub(super) async fn page(State(shared): State<Arc<Shared>>, Extension(session): Extension<Session>) -> Response {
    let (now, acts) = (shared.now(), shared.audit.latest());
    let settings = &shared.options.settings;
    let live = html! {
        section aria-labelledby="force" {
            h2 #force { "In force" }
            @if settings.is_empty() { p.calm { "The program around this coordinator does not tell its settings." } } @else {
                div.scroll { table {
                    thead { tr { th scope="col" { "Setting" } th scope="col" { "Value" } th scope="col" { "From" } } }
                    tbody { @for it in settings {
                        tr {
                            td data-name="Setting" { code { (it.name) } }
                            td data-name="Value" { (foreign(&it.value)) }
                            td data-name="From" { (it.origin) }
                        }
                    } }
                } }
            }
        }
        section aria-labelledby="audit" {
            h2 #audit { "Done by hand" }
            p { "The latest acts in this console since the coordinator's start. All of them are in its log, under " code { "branchwire::audit" } "." }
            @if acts.is_empty() { p.calm { "Nothing." } } @else {
                div.scroll { table {
                    thead { tr { th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "Act" } th scope="col" { "Of" } th scope="col" { "Outcome" } } }
                    tbody { @for it in &acts {
                        tr {
                            td data-name="When" { (moment(it.at, now)) }
                            td data-name="Who" { (it.who) }
                            td data-name="Act" { (it.what) }
                            td data-name="Of" { code { (foreign(&it.of)) } }
                            td data-name="Outcome" { (foreign(&it.outcome)) }
                        }
                    } }
                } }
            }
        }
    };
    Page::new("Settings", "/console/settings", live).show(&session)
}
