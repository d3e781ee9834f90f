//! The attributes of Branchwire. Use them through the crate `branchwire`, which re-exports and documents them.

#![allow(clippy::large_enum_variant, reason = "a few values, for the moment of one expansion")]

mod attribute;
mod check;
mod errors;
mod expand;
#[cfg(test)]
mod golden;
mod model;
mod parse;
mod tokens;

use proc_macro::TokenStream;

/// Makes an async function a step of a message: a route that applies exactly once, however often it is called.
///
/// ```
/// use branchwire::prelude::*;
///
/// #[derive(Clone, Database)]
/// pub struct BankB(sqlx::SqlitePool);
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// pub struct TransferIn {
///     pub user_id: i64,
///     pub amount: i64,
/// }
///
/// #[msg_branch("/api/bank-b/trans-in")]
/// pub async fn trans_in(tx: &mut Tx<BankB>, req: TransferIn) -> Result<(), Retry> {
///     let credit = "UPDATE account SET balance = balance + ? WHERE user_id = ?";
///     sqlx::query(credit).bind(req.amount).bind(req.user_id).execute(&mut *tx).await?;
///     Ok(())
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let routes: axum::Router<BankB> = axum::Router::new().branch::<trans_in>();
/// let call = branchwire::at::<trans_in>("http://bank-b:8080")?.with(&TransferIn { user_id: 2, amount: 30 });
/// # Ok(())
/// # }
/// ```
///
/// The function stays as it is. The attribute adds a type of the same name, which names the branch:
/// `Router::new().branch::<trans_in>()` serves it, `branchwire::at::<trans_in>(url)?` is its address.
///
/// - The arguments: `&mut Tx<D>`; any extractors of axum that do not read the body; last the payload, if any, read from
///   JSON. A last argument that has the name of an extractor of axum is an extractor, any other is the payload. If your
///   last argument is an extractor with another name, write `#[msg_branch(no_payload)]`; if your payload's type has the
///   name of an extractor, write `#[msg_branch(payload = Query)]`.
/// - It returns `Result<(), Retry>`: a message's branch must succeed in the end, and cannot refuse.
/// - The path is the function's name in kebab-case, or given: `#[msg_branch("/in")]`.
/// - `crate = path` is the path of `branchwire`, if another crate re-exports it.
#[proc_macro_attribute]
pub fn msg_branch(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute::function(&model::MSG_BRANCH, options.into(), &item.into()).into()
}

/// Makes an async function a step of a saga: a route that applies exactly once, and that may refuse.
///
/// ```
/// use branchwire::prelude::*;
///
/// #[derive(Clone, Database)]
/// pub struct Hotel(sqlx::SqlitePool);
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// pub struct Book {
///     pub room: i64,
/// }
///
/// #[branchwire::service("/api/hotel")]
/// pub mod hotel {
///     use super::*;
///
///     /// Takes a room.
///     #[saga_action]
///     pub async fn book(tx: &mut Tx<Hotel>, req: Book) -> Result<(), BranchError> {
///         let take = "UPDATE room SET free = free - 1 WHERE id = ? AND free > 0";
///         let taken = sqlx::query(take).bind(req.room).execute(&mut *tx).await?.rows_affected();
///         (taken == 1).then_some(()).or_refuse("no room is free")
///     }
///
///     /// Gives it back.
///     #[saga_compensate(of = book)]
///     pub async fn cancel(tx: &mut Tx<Hotel>, req: Book) -> Result<(), Retry> {
///         let give = "UPDATE room SET free = free + 1 WHERE id = ?";
///         sqlx::query(give).bind(req.room).execute(&mut *tx).await?;
///         Ok(())
///     }
/// }
///
/// # async fn example(client: Client) -> Result<(), Box<dyn std::error::Error>> {
/// let hotel = hotel::at("http://hotel:8080")?;
/// let done = client.saga(hotel.book(&Book { room: 7 })).run().await?;
/// # Ok(())
/// # }
/// # fn main() {}
/// ```
///
/// It returns `Result<T, BranchError>`. The `T` may be `()`. Otherwise it is stored with the action's effect, and the
/// compensation gets it if it asks for it: `Kept(room): Kept<RoomId>`, its last argument.
///
/// `?` makes a retry of any standard error, and the coordinator then calls again. So `?` on an error of the business is a
/// retry without end: say `or_refuse` where the answer is no. The saga is then rolled back.
///
/// Each action has a compensation, `#[saga_compensate(of = name)]`, with the same payload in the same database. An action
/// that changes nothing (a check) says so: `#[saga_action(nothing_to_undo)]`.
///
/// In a service that others host (`#[service(.., remote)]`) both are functions without bodies, and the action says what it
/// returns: `#[saga_action] pub fn book(req: Book) -> RoomId;` and `#[saga_compensate(of = book)] pub fn cancel(req: Book);`.
///
/// When to take a saga, and how to write a compensation that works: the page `patterns` of the crate `branchwire`.
///
/// The arguments and the other options are those of [`macro@msg_branch`].
#[proc_macro_attribute]
pub fn saga_action(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute::function(&model::SAGA_ACTION, options.into(), &item.into()).into()
}

/// Makes an async function the compensation of a saga's action: `#[saga_compensate(of = book)]`. See
/// [`macro@saga_action`].
///
/// It returns `Result<(), Retry>`: it must succeed in the end, and cannot refuse. Only a coordinator calls it, with the
/// payload of the action. If the action was not applied, the function does not run: the barrier knows that there is
/// nothing to undo.
///
/// `of` names the action's function: in a service its name, otherwise any path to it.
#[proc_macro_attribute]
pub fn saga_compensate(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute::function(&model::SAGA_COMPENSATE, options.into(), &item.into()).into()
}

/// Makes an async function a try of a TCC: it reserves, and it may refuse. A route that applies exactly once.
///
/// ```
/// use branchwire::prelude::*;
///
/// #[derive(Clone, Database)]
/// pub struct Seats(sqlx::SqlitePool);
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// pub struct Reserve {
///     pub flight: i64,
/// }
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// pub struct Seat(pub i64);
///
/// #[branchwire::service("/api/seats")]
/// pub mod seats {
///     use super::*;
///
///     /// Holds a free seat.
///     #[tcc_try]
///     pub async fn reserve(tx: &mut Tx<Seats>, req: Reserve) -> Result<Seat, BranchError> {
///         let hold = "UPDATE seat SET state = 'held' WHERE id = \
///                     (SELECT min(id) FROM seat WHERE flight = ? AND state = 'free') RETURNING id";
///         let held = sqlx::query_scalar(hold).bind(req.flight).fetch_optional(&mut *tx).await?;
///         Ok(Seat(held.or_refuse("sold out")?))
///     }
///
///     /// Sells it.
///     #[tcc_confirm(of = reserve)]
///     pub async fn take(tx: &mut Tx<Seats>, _: Reserve, Kept(seat): Kept<Seat>) -> Result<(), Retry> {
///         sqlx::query("UPDATE seat SET state = 'sold' WHERE id = ?").bind(seat.0).execute(&mut *tx).await?;
///         Ok(())
///     }
///
///     /// Gives it back.
///     #[tcc_cancel(of = reserve)]
///     pub async fn release(tx: &mut Tx<Seats>, _: Reserve, Kept(seat): Kept<Seat>) -> Result<(), Retry> {
///         sqlx::query("UPDATE seat SET state = 'free' WHERE id = ?").bind(seat.0).execute(&mut *tx).await?;
///         Ok(())
///     }
/// }
/// # fn main() {}
/// ```
///
/// It returns `Result<T, BranchError>`. The `T` is stored with its effect, answered again to a repeated call, handed back to
/// the caller, and given to the confirm or cancel that asks for it: `Kept(seat): Kept<Seat>`, its last argument.
///
/// Each try has a confirm and a cancel, with the same payload in the same database: `#[tcc_confirm(of = name)]`,
/// `#[tcc_cancel(of = name)]`. In a service that others host (`#[service(.., remote)]`) all are functions without bodies, and
/// the try says what it returns: `#[tcc_try] pub fn reserve(req: Reserve) -> Seat;`.
///
/// When to take a TCC, and what each of the three does: the page `patterns` of the crate `branchwire`.
///
/// The arguments and the other options are those of [`macro@msg_branch`].
#[proc_macro_attribute]
pub fn tcc_try(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute::function(&model::TCC_TRY, options.into(), &item.into()).into()
}

/// Makes an async function the confirm of a TCC's try: `#[tcc_confirm(of = reserve)]`. See [`macro@tcc_try`].
///
/// It returns `Result<(), Retry>`: it must succeed in the end, and cannot refuse. Only a coordinator calls it. It runs only if
/// its try was applied; otherwise it answers with an error each time, and logs an alarm.
#[proc_macro_attribute]
pub fn tcc_confirm(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute::function(&model::TCC_CONFIRM, options.into(), &item.into()).into()
}

/// Makes an async function the cancel of a TCC's try: `#[tcc_cancel(of = reserve)]`. See [`macro@tcc_try`].
///
/// It returns `Result<(), Retry>`: it must succeed in the end, and cannot refuse. Only a coordinator calls it. If the try was
/// not applied, the function does not run, and a try that arrives later is refused.
#[proc_macro_attribute]
pub fn tcc_cancel(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute::function(&model::TCC_CANCEL, options.into(), &item.into()).into()
}

/// Makes a route that answers whether the local transaction of a message has committed.
///
/// Without a body the barrier answers; that is right for every message sent by `do_and_submit`:
///
/// ```
/// # use branchwire::prelude::*;
/// # #[derive(Clone, Database)]
/// # pub struct BankA(sqlx::SqlitePool);
/// #[query_prepared]
/// pub fn transfer_prepared(db: BankA);
/// # fn main() {}
/// ```
///
/// With a body it decides by itself, from what the local transaction left in the database:
///
/// ```
/// # use branchwire::prelude::*;
/// # #[derive(Clone, Database)]
/// # pub struct Orders(sqlx::SqlitePool);
/// #[query_prepared]
/// pub async fn order_paid(db: &Orders, gid: Gid) -> Result<Prepared, Retry> {
///     // The order's row exists before its payment starts, and a closed order can no longer be paid.
///     let close = "UPDATE orders SET state = 'closed' WHERE gid = ? AND state = 'open'";
///     let closed = sqlx::query(close).bind(gid.as_str()).execute(&db.0).await?.rows_affected() == 1;
///     let paid = "SELECT state = 'paid' FROM orders WHERE gid = ?";
///     let paid = !closed && sqlx::query_scalar(paid).bind(gid.as_str()).fetch_one(&db.0).await?;
///     Ok(if paid { Prepared::Committed } else { Prepared::RolledBack })
/// }
/// # fn main() {}
/// ```
///
/// Such a body must not only read: the answer `RolledBack` is final, so the body must also prevent a later commit of a
/// local transaction that is still open. The options are those of `#[msg_branch]`: a path, and `crate = path`.
#[proc_macro_attribute]
pub fn query_prepared(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute::function(&model::QUERY_PREPARED, options.into(), &item.into()).into()
}

/// Makes a newtype of an sqlx pool a database: `#[derive(Clone, Database)] pub struct Bank(sqlx::SqlitePool);`.
///
/// `#[database(isolation = "serializable")]` sets the isolation level of a branch's transaction: `"read committed"`
/// (the default), `"repeatable read"` or `"serializable"`. `#[database(crate = path)]` is the path of `branchwire`.
#[proc_macro_derive(Database, attributes(database))]
pub fn database(item: TokenStream) -> TokenStream {
    attribute::database(item.into()).into()
}

/// Makes an inline module a service: its annotated functions are its branches.
///
/// ```
/// # use branchwire::prelude::*;
/// # #[derive(Clone, Database)]
/// # pub struct BankB(sqlx::SqlitePool);
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # pub struct TransferIn { pub user_id: i64, pub amount: i64 }
/// #[branchwire::service("/api/bank-b")]
/// pub mod bank_b {
///     use super::*;
///
///     /// Credits an account.
///     #[msg_branch]
///     pub async fn trans_in(tx: &mut Tx<BankB>, req: TransferIn) -> Result<(), Retry> {
///         let credit = "UPDATE account SET balance = balance + ? WHERE user_id = ?";
///         sqlx::query(credit).bind(req.amount).bind(req.user_id).execute(&mut *tx).await?;
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let routes: axum::Router<BankB> = bank_b::router();
/// let bank_b = bank_b::at("http://bank-b:8080")?;
/// let call = bank_b.trans_in(&TransferIn { user_id: 2, amount: 30 });
/// assert_eq!(bank_b::ROUTES[0].path, "/api/bank-b/trans-in");
/// # Ok(())
/// # }
/// ```
///
/// The module gets
/// - `router()`, its routes, for any state that has what the branches need;
/// - `at(url)`, which returns a `Remote` with a method for each branch: `bank_b.trans_in(&payload)`;
/// - `ROUTES`, a list of its routes for diagrams and snapshot tests.
///
/// `#[branch] pub use path::name;` adds a branch from another module, with the path that it has there. All other items
/// stay as they are.
///
/// - `#[service("/base", remote)]` declares a service that others host, in any language: its branches are functions
///   without bodies, `#[msg_branch] pub fn trans_in(req: TransferIn);`.
/// - `#[service(implements = contracts::bank_b)]` hosts such a declaration. The paths come from it, and a branch that is
///   missing, extra, of another role or with another payload does not compile.
/// - `#[service("/base", openapi)]` adds `openapi()`, the service as an OpenAPI document (feature `openapi`).
/// - `crate = path` is the path of `branchwire`, if another crate re-exports it.
///
/// # Contracts
/// One crate declares what another hosts; both sides, and everyone who sends, use the same paths and payloads:
///
/// ```
/// # use branchwire::prelude::*;
/// // In a crate of contracts: `branchwire = { default-features = false }` is enough there.
/// pub mod contracts {
///     #[derive(serde::Serialize, serde::Deserialize)]
///     pub struct Notice {
///         pub amount: i64,
///     }
///
///     #[branchwire::service("/api/notary", remote)]
///     pub mod notary {
///         use branchwire::prelude::*;
///
///         /// Writes a transfer down.
///         #[msg_branch]
///         pub fn transferred(notice: super::Notice);
///     }
/// }
///
/// // In the crate that hosts it:
/// #[derive(Clone, Database)]
/// pub struct Archive(sqlx::SqlitePool);
///
/// #[branchwire::service(implements = contracts::notary)]
/// pub mod notary {
///     use super::{contracts::Notice, *};
///
///     #[msg_branch]
///     pub async fn transferred(tx: &mut Tx<Archive>, notice: Notice) -> Result<(), Retry> {
///         sqlx::query("INSERT INTO notice VALUES (?)").bind(notice.amount).execute(&mut *tx).await?;
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // In a crate that sends to it:
/// let call = contracts::notary::at("http://notary:8080")?.transferred(&contracts::Notice { amount: 30 });
/// assert_eq!(notary::ROUTES[0].path, "/api/notary/transferred");
/// # let _: axum::Router<Archive> = notary::router();
/// # Ok(())
/// # }
/// ```
#[proc_macro_attribute]
pub fn service(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute::service(options.into(), &item.into()).into()
}

/// The marker that `#[service]` puts beside unknown attributes; a role under another name reports an error when it sees
/// it.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn in_service(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}
