//! Opening the store that an address names.

use std::sync::Arc;

use super::address::Address;
use super::error::OpenError;
use super::interface::Store;
#[cfg(feature = "mysql")]
use super::mysql;
#[cfg(feature = "postgres")]
use super::postgres;
#[cfg(feature = "sqlite")]
use super::sqlite;

/// The settings of a store that are not part of its address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// The time zone of the times in a MySQL or MariaDB database, in seconds east of UTC: the zone of the DTM server
    /// that wrote them, or will read them. The times in other stores do not depend on a zone.
    pub time_zone_s: i32,
    /// The largest size of a SQLite file in bytes, without its log; `None`: as large as the disk allows. A write beyond
    /// it fails with a transient error. So a coordinator cannot fill a disk that it shares.
    pub sqlite_bytes_max: Option<u64>,
}

/// Opens the store that `address` names: `sqlite://FILE`, `postgres://...` or `mysql://...`, as sqlx takes them. Of several
/// hosts (`postgres://a:5432,b:5432/db`) the primary is used, and looked for again whenever a connection is lost.
///
/// # Errors
/// [`OpenError`] if the address is of no known kind or has a parameter that would be ignored, or if the store cannot be
/// used.
#[cfg_attr(not(any(feature = "sqlite", feature = "mysql")), expect(unused_variables, reason = "PostgreSQL has none"))]
pub async fn open(address: &str, options: &Options) -> Result<Arc<dyn Store>, OpenError> {
    match Address::parse(address)? {
        #[cfg(feature = "sqlite")]
        Address::Sqlite { file, create } => {
            if !create && !file.exists() {
                return Err(OpenError::new(&file.display(), "there is no such file, and `mode=rw` creates none"));
            }
            Ok(Arc::new(sqlite::SqliteStore::open(file, options.sqlite_bytes_max).await?))
        }
        #[cfg(feature = "postgres")]
        Address::Postgres(hosts) => Ok(Arc::new(postgres::open(&hosts).await?)),
        #[cfg(feature = "mysql")]
        Address::Mysql(hosts) => Ok(Arc::new(mysql::open(&hosts, options.time_zone_s).await?)),
        #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
        other => Err(OpenError::new(&other.scheme(), "this program was built without its feature for it")),
    }
}
