//! What clients order: a message, or a trip as a saga or a TCC.

use branchwire::{Client, Outbox};

use super::Bug;
use super::database::Connection;
use super::told::Told;
use super::trip::Trip;
use super::workload::Transfer;

/// One global transaction, as its client wants it.
#[derive(Debug, Clone)]
pub enum Order {
    /// A message.
    Message(Transfer),
    /// A saga or a TCC.
    Trip(Trip),
}

impl Order {
    /// Its name.
    pub fn gid(&self) -> &str {
        match self {
            Self::Message(transfer) => &transfer.gid,
            Self::Trip(trip) => &trip.gid,
        }
    }

    /// Sends it, a message by this outbox if there is one; `run` says which of those that send it this is.
    pub(super) async fn send(
        &self,
        client: &Client,
        bank: &Connection,
        outbox: Option<&Outbox<Connection>>,
        run: Run,
        bug: Option<Bug>,
    ) -> Told {
        match self {
            Self::Message(transfer) => transfer.send(client, bank, outbox, run.number(), bug).await,
            Self::Trip(trip) => trip.send(client, !run.is_when_quiet(), bug).await,
        }
    }
}

/// Which of those that send an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Run {
    /// The first client.
    First,
    /// Another client, under the same gid.
    Second,
    /// Once all was quiet.
    Quiet,
    /// The same, after the coordinators have forgotten the order.
    Forgotten,
}

impl Run {
    /// Its number, from 1.
    pub(super) const fn number(self) -> u32 {
        match self {
            Self::First => 1,
            Self::Second => 2,
            Self::Quiet => 3,
            Self::Forgotten => 4,
        }
    }

    /// Whether nothing goes wrong any more.
    pub(super) const fn is_when_quiet(self) -> bool {
        matches!(self, Self::Quiet | Self::Forgotten)
    }
}
