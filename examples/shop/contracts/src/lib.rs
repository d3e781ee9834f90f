//! The calls between the services of the shop: payloads and paths, once for both sides.

use serde::{Deserialize, Serialize};

/// So many pieces of an item, for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reserve {
    /// The order's own number.
    pub order: String,
    /// The article.
    pub item: String,
    /// How many, at least 1.
    pub pieces: i32,
}

/// The branches that the stock hosts.
#[branchwire::service("/api/stock", remote)]
pub mod stock {
    use branchwire::prelude::*;

    use super::Reserve;

    /// Reserves pieces for an order that has been placed. It cannot refuse: what is not on the shelf is ordered in.
    #[msg_branch]
    pub fn reserve(req: Reserve);
}

#[cfg(test)]
mod tests {
    /// A path is a promise: messages in the coordinator's store hold it.
    #[test]
    fn the_paths_stay_as_they_are() {
        let services = [("stock", super::stock::ROUTES)];
        assert!(branchwire::wiring::table(&services).contains("`POST /api/stock/reserve` | `Reserve`"));
    }
}
