//! One submit of an outbox row, and what it means for the row.

use branchwire_protocol::TransType;

use crate::client::{Client, ClientError, Submit};
use crate::protocol::Transaction;

/// What the coordinator did with a message of the outbox.
#[derive(Debug)]
pub(crate) enum Taken {
    /// It has it.
    Yes {
        /// Whether it is known to have ended already.
        finished: bool,
    },
    /// It will never take it, for this reason: the row is put aside.
    Never(String),
    /// It cannot be reached, or works for nobody at present: the next message would fare no better.
    Away(ClientError),
    /// It works, and did not take this message: it may later.
    NotNow(ClientError),
}

/// Submits, and finds out from the status what an unclear answer has meant.
pub(crate) async fn submit(client: &Client, transaction: &Transaction) -> Taken {
    let is_saga = transaction.trans_type == TransType::Saga.as_str();
    match client.submit_or_query(transaction).await {
        Submit::Acknowledged { finished, .. } => Taken::Yes { finished },
        Submit::Repeated => Taken::Yes { finished: true },
        // A saga that was rolled back has ended as it may end.
        Submit::GivenUp | Submit::Stopped if is_saga => Taken::Yes { finished: true },
        Submit::GivenUp | Submit::Stopped => Taken::Never("it was ended at the coordinator".to_owned()),
        Submit::Another => Taken::Never("the coordinator has another transaction under this gid".to_owned()),
        Submit::NotTaken(error) | Submit::Unknown(error) => of(error),
    }
}

fn of(error: ClientError) -> Taken {
    match &error {
        // The request itself: its form, its length.
        ClientError::Failed { status: 400 | 411 | 413 | 414 | 415 | 422 | 431, .. } => Taken::Never(error.to_string()),
        // 500: a coordinator answers so to a topic that does not exist. It was asked about its status after that; without
        // an answer it would be away.
        ClientError::Refused { .. } | ClientError::Failed { status: 500, .. } => Taken::NotNow(error),
        ClientError::NotSent(_)
        | ClientError::NoAnswer(_)
        | ClientError::Ongoing
        | ClientError::Failed { .. }
        | ClientError::Unreadable(_)
        | _ => Taken::Away(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wrong_with_the_message_itself_is_for_good() {
        let failed = |status| of(ClientError::Failed { status, message: String::new() });
        for status in [400, 411, 413, 414, 415, 422, 431] {
            assert!(matches!(failed(status), Taken::Never(_)), "{status}");
        }
        // A wrong token or address concerns every message, and is repaired without touching any.
        for status in [301, 401, 403, 404, 405, 408, 425, 429, 502, 503, 504] {
            assert!(matches!(failed(status), Taken::Away(_)), "{status}");
        }
        assert!(matches!(failed(500), Taken::NotNow(_)));
        assert!(matches!(of(ClientError::Refused { message: String::new(), known: false }), Taken::NotNow(_)));
        assert!(matches!(of(ClientError::NotSent("".into())), Taken::Away(_)));
    }
}
