//! The coordinators of this store: this one, and the others, with the leases that each one has.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::page::{Page, Problem};
use super::session::Session;
use super::shared::Shared;
use super::words::{badge, foreign, moment};
use crate::runner::{Instance, instances};
use crate::store::Leases;

pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(session): Extension<Session>,
) -> Result<Response, Problem> {
    let live = body(shared).await?;
    let live_from = "/console/live/coordinators".to_owned();
    Ok(Page { live_from, ..Page::new("Coordinators", "/console/coordinators", live) }.show(&session))
}

pub(super) async fn live(State(shared): State<Arc<Shared>>) -> Response {
    super::live::follow(&shared, body)
}

async fn body(shared: Arc<Shared>) -> Result<Markup, Problem> {
    let store = shared.core.store.as_ref();
    let (now, us) = (shared.now(), shared.core.owner.as_str());
    let leases = store.leases(shared.core.clock.now()).await?;
    let others = if store.is_shared() {
        all(&instances(store).await?, &leases, us, now)
    } else {
        html! {}
    };
    Ok(html! {
        section aria-labelledby="this" {
            h2 #this { "This one" }
            dl {
                dt { "Name" } dd { code { (us) } }
                dt { "Version" } dd { (env!("CARGO_PKG_VERSION")) }
                dt { "Started" } dd { (moment(shared.started.as_millis(), now)) }
                dt { "In memory" } dd { (shared.core.in_memory()) " transactions" }
                dt { "Leases" } dd { (leased(leases.iter().find(|it| it.owner == us), now)) }
                dt { "Store" } dd { @if store.is_shared() { "shared with others" } @else { "its own file: no other coordinator can use it" } }
            }
        }
        (others)
    })
}

/// All coordinators of a shared store, idle ones too.
fn all(instances: &[Instance], leases: &[Leases], us: &str, now: i64) -> Markup {
    let unknown: Vec<_> = leases.iter().filter(|it| instances.iter().all(|known| known.owner != it.owner)).collect();
    html! {
        section aria-labelledby="all" {
            h2 #all { "All on this store" }
            p { "A coordinator that calls branches has a lease on their transaction. One that dies leaves its leases behind; the
                 others take these transactions once the leases have ended." }
            div.scroll { table {
                thead { tr { th scope="col" { "Coordinator" } th scope="col" { "Host" } th scope="col" { "Version" }
                    th scope="col" { "Started" } th scope="col" { "Seen" } th scope="col" { "Leases" } } }
                tbody {
                    @for it in instances {
                        tr {
                            td data-name="Coordinator" { code { (foreign(&it.owner)) } @if it.owner == us { " (this one)" } }
                            td data-name="Host" { (foreign(&it.host)) " " span.quiet { "process " (it.pid) } }
                            td data-name="Version" { (foreign(&it.version)) }
                            td data-name="Started" { (moment(it.started, now)) }
                            td data-name="Seen" {
                                (moment(it.seen, now))
                                @if it.is_missed(now) { " " (badge("missed")) }
                            }
                            td data-name="Leases" { (leased(leases.iter().find(|lease| lease.owner == it.owner), now)) }
                        }
                    }
                    @for lease in unknown {
                        tr {
                            td data-name="Coordinator" { code { (foreign(&lease.owner)) } }
                            td data-name="Host" { span.quiet { "it has not said that it is there" } }
                            td {} td {} td {}
                            td data-name="Leases" { (leased(Some(lease), now)) }
                        }
                    }
                }
            } }
        }
    }
}

fn leased(lease: Option<&Leases>, now: i64) -> Markup {
    html! {
        @match lease {
            Some(it) => {
                (it.transactions) @if it.transactions == 1 { " transaction" } @else { " transactions" }
                ", the first until " (moment(now + it.first_ms, now))
            }
            None => { span.quiet { "none" } }
        }
    }
}
