//! The wiring of services as a table and a diagram, made from their lists of routes.
//!
//! ```
//! # use branchwire::prelude::*;
//! # #[derive(Clone, Database)]
//! # pub struct BankB(sqlx::SqlitePool);
//! # #[derive(serde::Serialize, serde::Deserialize)]
//! # pub struct TransferIn { pub user_id: i64, pub amount: i64 }
//! # #[branchwire::service("/api/bank-b")]
//! # pub mod bank_b {
//! #     use super::*;
//! #     /// Credits an account.
//! #     #[msg_branch]
//! #     pub async fn trans_in(tx: &mut Tx<BankB>, req: TransferIn) -> Result<(), Retry> {
//! #         Ok(())
//! #     }
//! # }
//! # fn main() {
//! let services = [("bank_b", bank_b::ROUTES)];
//! assert_eq!(
//!     branchwire::wiring::table(&services),
//!     "\
//! | service | branch | the coordinator calls | with | in | |
//! |---|---|---|---|---|---|
//! | bank_b | `trans_in`, branch of a message | `POST /api/bank-b/trans-in` | `TransferIn` | `BankB` | Credits an account. |
//! "
//! );
//! println!("{}", branchwire::wiring::mermaid(&services));
//! # }
//! ```
//!
//! A service should have such a test: stored transactions hold the paths in this table. Rendered:
//!
//! | service | branch | the coordinator calls | with | in | |
//! |---|---|---|---|---|---|
//! | bank_b | `trans_in`, branch of a message | `POST /api/bank-b/trans-in` | `TransferIn` | `BankB` | Credits an account. |

use std::fmt::Write;

use crate::branch::Route;

/// A Markdown table of the routes of these services, each given with its name.
///
/// Compare it with a file in a test: stored transactions hold the paths, so a changed path must be noticed.
pub fn table(services: &[(&str, &[Route])]) -> String {
    let mut table =
        "| service | branch | the coordinator calls | with | in | |\n|---|---|---|---|---|---|\n".to_owned();
    for (service, route) in each(services) {
        let Route { name, path, payload, database, doc, .. } = route;
        let (method, role) = (method(route), route.role.noun());
        line(
            &mut table,
            format_args!(
                "| {service} | `{name}`, {role} | `{method} {path}` | {} | {} | {} |",
                code(payload),
                code(database),
                doc.replace('|', "\\|"),
            ),
        );
    }
    table
}

/// A Mermaid flowchart of these services, each given with its name: the coordinator, its calls of branches, their
/// databases.
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
        line(&mut chart, format_args!("    coordinator {arrow} {service}.{name}"));
        if !database.is_empty() {
            line(
                &mut chart,
                format_args!("    {service}.{name} --> {service}.db.{}[(\"{}\")]", word(database), escaped(database)),
            );
        }
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
    use crate::branch::Role;

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
