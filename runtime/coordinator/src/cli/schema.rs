//! `branchwire schema`: tables as SQL.

use branchwire_protocol::BarrierTable;

use super::options::{Database, Schema};

/// What is printed.
pub(super) fn script(of: &Schema) -> String {
    let Schema::Barrier { database, user } = of;
    match database {
        Database::Sqlite => BarrierTable::SQLITE.script(None),
        Database::Postgres => BarrierTable::POSTGRES.script(user.as_ref().map(|user| format!("\"{user}\"")).as_deref()),
        Database::Mysql => BarrierTable::MYSQL.script(user.as_deref().map(mysql_user).as_deref()),
    }
}

/// `NAME` or `NAME@HOST` as MySQL writes it.
fn mysql_user(user: &str) -> String {
    let (name, host) = user.split_once('@').unwrap_or((user, "%"));
    format!("'{name}'@'{host}'")
}
