//! The options of `load --whole`.

use branchwire_examples::banks::Sends;
use url::Url;

/// The whole way of a transfer between two banks.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The whole way")]
pub(crate) struct WayOptions {
    /// Measures a transfer from the customer's request to the credit, instead of a coordinator alone.
    ///
    /// Customer, bank A, coordinator and bank B are processes of their own. The coordinator has a SQLite file.
    #[arg(long)]
    pub(crate) whole: bool,

    /// Where the two banks keep their databases.
    #[arg(long, value_enum, default_value_t, requires = "whole")]
    pub(super) banks: Banks,

    /// Lets bank A send by an outbox, without prepare; `--outbox=at-commit` lets it answer at the commit as well,
    /// `--outbox=both` measures prepare and outbox in turn, `--outbox=all` all three.
    #[arg(
        long,
        value_enum,
        default_value_t,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "yes",
        requires = "whole"
    )]
    pub(super) outbox: OutboxTurns,

    /// How many accounts each bank has: transfers from or to the same account wait for each other.
    #[arg(long, default_value_t = 1000, requires = "whole")]
    pub(super) accounts: u32,

    /// The databases of the other bank A, which `--vs` names, and of its bank B: two addresses.
    ///
    /// `--vs http://IP:PORT` is any other bank A that runs already. A customer sends
    /// `POST /api/bank-a/transfer` with `{"order":"NAME","from":ACCOUNT,"to":ACCOUNT,"amount":CENTS}`, and takes 200 for
    /// "it has left the account, and will arrive". The same order, sent again, moves the money once. In both databases is
    /// a table `user_account (user_id, balance)`, on PostgreSQL in units of 100 cents, on SQLite in cents; its accounts are
    /// made here.
    #[arg(long, value_delimiter = ',', value_name = "URL", requires = "vs", requires = "whole")]
    pub(super) vs_databases: Vec<Url>,

    /// The bank B of the other bank A, so that its CPU is counted: `http://IP:PORT`.
    #[arg(long, value_name = "URL", requires = "vs", requires = "whole")]
    pub(super) vs_bank_b: Option<Url>,

    /// The coordinator of the other bank A, so that its CPU is counted: `http://IP:PORT`.
    #[arg(long, value_name = "URL", requires = "vs", requires = "whole")]
    pub(super) vs_coordinator: Option<Url>,
}

/// Where the banks keep their databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Banks {
    /// Two databases on one server.
    #[default]
    Postgres,
    /// A file each.
    Sqlite,
}

/// How bank A sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum OutboxTurns {
    /// It prepares each message.
    #[default]
    No,
    /// It has an outbox.
    Yes,
    /// It has an outbox, and answers at the commit.
    AtCommit,
    /// Prepared and by an outbox, one after the other, cell by cell.
    Both,
    /// All three.
    All,
}

impl OutboxTurns {
    /// How bank A sends, in each turn.
    pub(super) fn turns(self) -> &'static [Sending] {
        match self {
            Self::No => &[Sending::Prepared],
            Self::Yes => &[Sending::Outbox],
            Self::AtCommit => &[Sending::AtCommit],
            Self::Both => &[Sending::Prepared, Sending::Outbox],
            Self::All => &[Sending::Prepared, Sending::Outbox, Sending::AtCommit],
        }
    }
}

/// How one bank A sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Sending {
    /// It prepares each message.
    #[default]
    Prepared,
    /// By an outbox.
    Outbox,
    /// By an outbox, and it answers at the commit.
    AtCommit,
}

impl Sending {
    /// Its name as an argument.
    pub(super) const fn argument(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Outbox => "outbox",
            Self::AtCommit => "at-commit",
        }
    }

    /// Its name in the table.
    pub(super) const fn way(self) -> &'static str {
        match self {
            Self::Prepared => "branchwire",
            Self::Outbox => "branchwire, outbox",
            Self::AtCommit => "branchwire, outbox at commit",
        }
    }
}

impl From<Sending> for Sends {
    fn from(sending: Sending) -> Self {
        match sending {
            Sending::Prepared => Self::Prepared,
            Sending::Outbox => Self::ByOutbox,
            Sending::AtCommit => Self::AtCommit,
        }
    }
}
