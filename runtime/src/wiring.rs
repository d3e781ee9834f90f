//! The wiring of services as a table and a diagram, made from their lists of routes.
//!
//! ```
//! # use branchwire::prelude::*;
//! # #[derive(Clone, Database)]
//! # pub struct Hotel(sqlx::SqlitePool);
//! # #[derive(serde::Serialize, serde::Deserialize)]
//! # pub struct Stay { pub room: i64 }
//! # #[branchwire::service("/api/hotel")]
//! # pub mod hotel {
//! #     use super::*;
//! #     /// Takes a room.
//! #     #[saga_action]
//! #     pub async fn book(tx: &mut Tx<Hotel>, req: Stay) -> Result<(), BranchError> {
//! #         Ok(())
//! #     }
//! #     /// Gives it back.
//! #     #[saga_compensate(of = book)]
//! #     pub async fn cancel(tx: &mut Tx<Hotel>, req: Stay) -> Result<(), Retry> {
//! #         Ok(())
//! #     }
//! # }
//! # fn main() {
//! let services = [("hotel", hotel::ROUTES)];
//! assert_eq!(
//!     branchwire::wiring::table(&services),
//!     "\
//! | service | branch | the coordinator calls | with | in | |
//! |---|---|---|---|---|---|
//! | hotel | `book`, action of a saga | `POST /api/hotel/book` | `Stay` | `Hotel` | Takes a room. |
//! | hotel | `cancel`, compensation of `book` | `POST /api/hotel/cancel` | `Stay` | `Hotel` | Gives it back. |
//! "
//! );
//! let chart = branchwire::wiring::mermaid(&services);
//! assert!(chart.contains("hotel.book -. compensation .-> hotel.cancel"));
//! # }
//! ```
//!
//! A service should have such a test: stored transactions hold the paths in this table. Rendered:
//!
//! | service | branch | the coordinator calls | with | in | |
//! |---|---|---|---|---|---|
//! | hotel | `book`, action of a saga | `POST /api/hotel/book` | `Stay` | `Hotel` | Takes a room. |
//! | hotel | `cancel`, compensation of `book` | `POST /api/hotel/cancel` | `Stay` | `Hotel` | Gives it back. |

use std::fmt::Write;

use crate::branch::{Role, Route};

/// A Markdown table of the routes of these services, each given with its name.
///
/// Compare it with a file in a test: stored transactions hold the paths, so a changed path must be noticed.
pub fn table(services: &[(&str, &[Route])]) -> String {
    let mut table =
        "| service | branch | the coordinator calls | with | in | |\n|---|---|---|---|---|---|\n".to_owned();
    for (service, route) in each(services) {
        let Route { name, path, payload, database, of, doc, .. } = route;
        let method = method(route);
        let part = if of.is_empty() { route.role.noun().to_owned() } else { format!("{} of `{of}`", half(route)) };
        let caller = if is_called_by_client(route) { ", which the client calls" } else { "" };
        line(
            &mut table,
            format_args!(
                "| {service} | `{name}`, {part}{caller} | `{method} {path}` | {} | {} | {} |",
                code(payload),
                code(database),
                doc.replace('|', "\\|"),
            ),
        );
    }
    table
}

/// A Mermaid flowchart of these services, each given with its name: the coordinator, its calls of branches, their
/// databases. A dotted arrow leads from the first function of a pair to each second one.
pub fn mermaid(services: &[(&str, &[Route])]) -> String {
    let mut chart = "flowchart LR\n    coordinator([coordinator])\n".to_owned();
    for (service, routes) in services {
        line(&mut chart, format_args!("    subgraph {service}"));
        for Route { name, path, .. } in *routes {
            line(&mut chart, format_args!("        {service}.{name}[\"{name}<br>{path}\"]"));
        }
        chart.push_str("    end\n");
    }
    for (service, route @ Route { name, payload, database, .. }) in each(services) {
        let label = if route.role.is_question() { "committed?" } else { payload };
        let arrow = if label.is_empty() { "-->".to_owned() } else { format!("-- \"{}\" -->", escaped(label)) };
        let caller = if is_called_by_client(route) { "client([client])" } else { "coordinator" };
        line(&mut chart, format_args!("    {caller} {arrow} {service}.{name}"));
        if !database.is_empty() {
            line(
                &mut chart,
                format_args!("    {service}.{name} --> {service}.db.{}[(\"{}\")]", word(database), escaped(database)),
            );
        }
    }
    for (service, route @ Route { name, of, .. }) in each(services).filter(|(_, route)| !route.of.is_empty()) {
        line(&mut chart, format_args!("    {service}.{of} -. {} .-> {service}.{name}", half(route)));
    }
    chart
}

fn each<'a>(services: &'a [(&'a str, &'a [Route])]) -> impl Iterator<Item = (&'a str, &'a Route)> {
    services.iter().flat_map(|(service, routes)| routes.iter().map(move |route| (*service, route)))
}

/// How a coordinator calls a route.
fn method(route: &Route) -> &'static str {
    // A coordinator calls a branch without a payload by GET.
    if route.role.is_question() || route.payload.is_empty() { "GET" } else { "POST" }
}

/// The client of a TCC calls the tries itself.
fn is_called_by_client(route: &Route) -> bool {
    route.role == Role::TccTry
}

/// The short noun of a pair's second function: "compensation".
fn half(route: &Route) -> &'static str {
    let noun = route.role.noun();
    noun.split_once(' ').map_or(noun, |(half, _of_what)| half)
}

fn code(word: &str) -> String {
    if word.is_empty() { String::new() } else { format!("`{word}`") }
}

/// Types may have brackets, which Mermaid would read as HTML.
fn escaped(text: &str) -> String {
    text.replace('<', "#lt;").replace('>', "#gt;").replace('"', "#quot;")
}

/// The id of a node: letters, digits and underscores of a type's name.
fn word(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANK_A: &[Route] = &[Route {
        name: "transfer_prepared",
        path: "/api/bank-a/transfer-prepared",
        role: Role::QueryPrepared,
        payload: "",
        database: "BankA",
        of: "",
        doc: "Has it committed?",
    }];
    const BANK_B: &[Route] = &[
        Route {
            name: "trans_in",
            path: "/api/bank-b/trans-in",
            role: Role::MsgBranch,
            payload: "Vec<TransferIn>",
            database: "BankB",
            of: "",
            doc: "Credits | an account.",
        },
        Route { name: "wake", path: "/wake", role: Role::MsgBranch, payload: "", database: "", of: "", doc: "" },
    ];

    #[test]
    fn a_table_says_who_calls_what() {
        assert_eq!(
            table(&[("bank_a", BANK_A), ("bank_b", BANK_B)]),
            "\
| service | branch | the coordinator calls | with | in | |
|---|---|---|---|---|---|
| bank_a | `transfer_prepared`, query-prepared | `GET /api/bank-a/transfer-prepared` |  | `BankA` | Has it committed? |
| bank_b | `trans_in`, branch of a message | `POST /api/bank-b/trans-in` | `Vec<TransferIn>` | `BankB` | Credits \\| an account. |
| bank_b | `wake`, branch of a message | `GET /wake` |  |  |  |
"
        );
    }

    #[test]
    fn a_second_function_stands_beside_the_first_one_of_its_pair() {
        let route = |name, path, role, of| Route { name, path, role, payload: "i64", database: "", of, doc: "" };
        let seats = [
            route("reserve", "/reserve", Role::TccTry, ""),
            route("take", "/take", Role::TccConfirm, "reserve"),
            route("release", "/release", Role::TccCancel, "reserve"),
        ];
        let table = table(&[("seats", &seats)]);
        for line in [
            "| seats | `reserve`, try of a TCC, which the client calls | `POST /reserve` |",
            "| seats | `release`, cancel of `reserve` | `POST /release` |",
        ] {
            assert!(table.contains(line), "{table}");
        }
        let chart = mermaid(&[("seats", &seats)]);
        for line in [
            "    client([client]) -- \"i64\" --> seats.reserve\n",
            "    coordinator -- \"i64\" --> seats.take\n",
            "    seats.reserve -. confirm .-> seats.take\n",
            "    seats.reserve -. cancel .-> seats.release\n",
        ] {
            assert!(chart.contains(line), "{chart}");
        }
    }

    #[test]
    fn a_diagram_shows_the_coordinator_the_branches_and_their_databases() {
        assert_eq!(
            mermaid(&[("bank_a", BANK_A), ("bank_b", BANK_B)]),
            "\
flowchart LR
    coordinator([coordinator])
    subgraph bank_a
        bank_a.transfer_prepared[\"transfer_prepared<br>/api/bank-a/transfer-prepared\"]
    end
    subgraph bank_b
        bank_b.trans_in[\"trans_in<br>/api/bank-b/trans-in\"]
        bank_b.wake[\"wake<br>/wake\"]
    end
    coordinator -- \"committed?\" --> bank_a.transfer_prepared
    bank_a.transfer_prepared --> bank_a.db.BankA[(\"BankA\")]
    coordinator -- \"Vec#lt;TransferIn#gt;\" --> bank_b.trans_in
    bank_b.trans_in --> bank_b.db.BankB[(\"BankB\")]
    coordinator --> bank_b.wake
"
        );
    }
}
