//! The roles of annotated functions: a table, one row a role.

use std::fmt;

/// A step of a message.
pub(crate) static MSG_BRANCH: Role = Role {
    attribute: "msg_branch",
    noun: "a message's branch",
    usage: "a message's branch is written\n    \
            async fn name(tx: &mut Tx<Database>, payload: Payload) -> Result<(), Retry>\n\
            with extractors of axum, if any, between the two; the payload may be left out",
    example: "#[msg_branch(\"/trans-in\")]",
    shape: Shape::Branch,
    may_refuse: false,
    hands_back: false,
    is_in_contracts: true,
    half: None,
    variant: "MsgBranch",
    result_trait: ("MustSucceed", "into_outcome"),
    address: "MsgAddress",
    sent_as: "MsgBranch",
};

/// A step of a saga, which may refuse.
pub(crate) static SAGA_ACTION: Role = Role {
    attribute: "saga_action",
    noun: "a saga's action",
    usage: "a saga's action is written\n    \
            async fn name(tx: &mut Tx<Database>, payload: Payload) -> Result<T, BranchError>\n\
            with extractors of axum, if any, between the two; the payload may be left out; `T` may be `()`",
    example: "#[saga_action(\"/book\")]",
    shape: Shape::Branch,
    may_refuse: true,
    hands_back: true,
    is_in_contracts: true,
    half: Some(Half::First(&First {
        noun: "action",
        known: "SagaAction",
        seconds: &[&SAGA_COMPENSATE],
        excuse: Some("nothing_to_undo"),
    })),
    variant: "SagaAction",
    result_trait: ("MayRefuse", "into_outcome"),
    address: "SagaAddress",
    sent_as: "SagaStep",
};

/// Undoes a saga's action.
pub(crate) static SAGA_COMPENSATE: Role = Role {
    attribute: "saga_compensate",
    noun: "a saga's compensation",
    usage: "a saga's compensation is written\n    \
            #[saga_compensate(of = action)]\n    \
            async fn name(tx: &mut Tx<Database>, payload: Payload) -> Result<(), Retry>\n\
            with the database and the payload of its action, and extractors of axum, if any, between the two;\n\
            last, if it needs it, what the action returned: `Kept(value): Kept<T>`",
    example: "#[saga_compensate(\"/cancel\", of = book)]",
    shape: Shape::Branch,
    may_refuse: false,
    hands_back: false,
    is_in_contracts: true,
    half: Some(Half::Second(&Second {
        of: &SAGA_ACTION,
        known: "Compensated",
        does: "undoes",
        both: "undo",
        done: "compensated",
        usage: "#[saga_compensate(of = book)]",
    })),
    variant: "SagaCompensate",
    result_trait: ("MustSucceed", "into_outcome"),
    address: "Compensation",
    sent_as: "Compensation",
};

/// Reserves, for a TCC; it may refuse.
pub(crate) static TCC_TRY: Role = Role {
    attribute: "tcc_try",
    noun: "a TCC's try",
    usage: "a TCC's try is written\n    \
            async fn name(tx: &mut Tx<Database>, payload: Payload) -> Result<T, BranchError>\n\
            with extractors of axum, if any, between the two; the payload may be left out; `T` may be `()`",
    example: "#[tcc_try(\"/reserve\")]",
    shape: Shape::Branch,
    may_refuse: true,
    hands_back: true,
    is_in_contracts: true,
    half: Some(Half::First(&First {
        noun: "try",
        known: "TccTry",
        seconds: &[&TCC_CONFIRM, &TCC_CANCEL],
        excuse: None,
    })),
    variant: "TccTry",
    result_trait: ("MayRefuse", "into_outcome"),
    address: "TccAddress",
    sent_as: "TccBranch",
};

/// Makes the reservation of a try final.
pub(crate) static TCC_CONFIRM: Role = Role {
    attribute: "tcc_confirm",
    noun: "a TCC's confirm",
    usage: "a TCC's confirm is written\n    \
            #[tcc_confirm(of = reserve)]\n    \
            async fn name(tx: &mut Tx<Database>, payload: Payload) -> Result<(), Retry>\n\
            with the database and the payload of its try, and extractors of axum, if any, between the two;\n\
            last, if it needs it, what the try returned: `Kept(value): Kept<T>`",
    example: "#[tcc_confirm(\"/take\", of = reserve)]",
    shape: Shape::Branch,
    may_refuse: false,
    hands_back: false,
    is_in_contracts: true,
    half: Some(Half::Second(&Second {
        of: &TCC_TRY,
        known: "Confirmed",
        does: "confirms",
        both: "confirm",
        done: "confirmed",
        usage: "#[tcc_confirm(of = reserve)]",
    })),
    variant: "TccConfirm",
    result_trait: ("MustSucceed", "into_outcome"),
    address: "Confirmation",
    sent_as: "Confirmation",
};

/// Gives up the reservation of a try.
pub(crate) static TCC_CANCEL: Role = Role {
    attribute: "tcc_cancel",
    noun: "a TCC's cancel",
    usage: "a TCC's cancel is written\n    \
            #[tcc_cancel(of = reserve)]\n    \
            async fn name(tx: &mut Tx<Database>, payload: Payload) -> Result<(), Retry>\n\
            with the database and the payload of its try, and extractors of axum, if any, between the two;\n\
            last, if it needs it, what the try returned: `Kept(value): Kept<T>`",
    example: "#[tcc_cancel(\"/release\", of = reserve)]",
    shape: Shape::Branch,
    may_refuse: false,
    hands_back: false,
    is_in_contracts: true,
    half: Some(Half::Second(&Second {
        of: &TCC_TRY,
        known: "Cancelled",
        does: "cancels",
        both: "cancel",
        done: "cancelled",
        usage: "#[tcc_cancel(of = reserve)]",
    })),
    variant: "TccCancel",
    result_trait: ("MustSucceed", "into_outcome"),
    address: "Cancellation",
    sent_as: "Cancellation",
};

/// The route that answers whether a message's local transaction has committed.
pub(crate) static QUERY_PREPARED: Role = Role {
    attribute: "query_prepared",
    noun: "a query-prepared",
    usage: "a query-prepared is written\n    \
            fn name(db: Database);\n\
            and the barrier answers, or, to decide by itself,\n    \
            async fn name(db: &Database, gid: Gid) -> Result<Prepared, Retry>",
    example: "#[query_prepared(\"/transfer-prepared\")]",
    shape: Shape::QueryPrepared,
    may_refuse: false,
    hands_back: false,
    is_in_contracts: false,
    half: None,
    variant: "QueryPrepared",
    result_trait: ("Decides", "into_decision"),
    address: "QueryPrepared",
    sent_as: "QueryPrepared",
};

/// The role of an annotated function: a row of the table.
///
/// The ops that a route accepts are in the runtime's table of roles.
#[derive(Debug)]
pub(crate) struct Role {
    /// The name of its attribute.
    pub(crate) attribute: &'static str,
    /// Its noun in error texts: "a message's branch".
    pub(crate) noun: &'static str,
    /// The form of its function, shown once below the errors of a function.
    pub(crate) usage: &'static str,
    /// Its attribute with a path.
    pub(crate) example: &'static str,
    pub(crate) shape: Shape,
    /// Whether its function may refuse; otherwise it must succeed in the end.
    pub(crate) may_refuse: bool,
    /// Whether its function returns a value to the caller.
    pub(crate) hands_back: bool,
    /// Whether a contract lists it, so that another service can host it.
    pub(crate) is_in_contracts: bool,
    /// Its part in a pair of functions: an action and its compensation, a try and its confirm or cancel.
    pub(crate) half: Option<Half>,
    /// The variant of `branchwire::Role`.
    pub(crate) variant: &'static str,
    /// The trait of `branchwire` that its result type has, and the function that reads the result.
    pub(crate) result_trait: (&'static str, &'static str),
    /// The type of `branchwire` that is its address, over the payload of a branch or the database of a query-prepared.
    pub(crate) address: &'static str,
    /// The type of `branchwire` that is a call of it with its payload.
    pub(crate) sent_as: &'static str,
}

/// The part of a function in a pair.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Half {
    /// It needs its second ones; an action may say that there is nothing to undo.
    First(&'static First),
    /// Its option `of` names the first one.
    Second(&'static Second),
}

/// What a first function is.
#[derive(Debug)]
pub(crate) struct First {
    /// The short noun: "action".
    pub(crate) noun: &'static str,
    /// The trait of `branchwire` that says what its second ones have to match.
    pub(crate) known: &'static str,
    /// The roles of its second functions, in the order of their addresses.
    pub(crate) seconds: &'static [&'static Role],
    /// The option that says that it needs none.
    pub(crate) excuse: Option<&'static str>,
}

/// What a second function is.
#[derive(Debug)]
pub(crate) struct Second {
    /// The role of its first function.
    pub(crate) of: &'static Role,
    /// The trait of `branchwire` that its first function gets by it.
    pub(crate) known: &'static str,
    /// What it does to its first one: "undoes".
    pub(crate) does: &'static str,
    /// The same of two: "undo".
    pub(crate) both: &'static str,
    /// What is then done to the first one: "compensated".
    pub(crate) done: &'static str,
    /// Its attribute with `of`.
    pub(crate) usage: &'static str,
}

/// The form of a role's function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `async fn name(tx: &mut Tx<Database>, extractors.., payload: Payload) -> Result<.., ..>`, run behind the barrier.
    Branch,
    /// `fn name(db: Database);` or `async fn name(db: &Database, gid: Gid) -> Result<Prepared, Retry>`.
    QueryPrepared,
}

impl Role {
    const ALL: [&Self; 7] =
        [&MSG_BRANCH, &SAGA_ACTION, &SAGA_COMPENSATE, &TCC_TRY, &TCC_CONFIRM, &TCC_CANCEL, &QUERY_PREPARED];

    /// What it is as a first function of a pair, if it is one.
    pub(crate) fn first(&self) -> Option<&'static First> {
        if let Some(Half::First(first)) = self.half { Some(first) } else { None }
    }

    /// What it is as a second function of a pair, if it is one.
    pub(crate) fn second(&self) -> Option<&'static Second> {
        if let Some(Half::Second(second)) = self.half { Some(second) } else { None }
    }

    /// The role whose attribute has this name.
    pub(crate) fn of_attribute(name: &str) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|role| role.attribute == name)
    }

    /// Its function's result type, as text.
    pub(crate) fn result(&self) -> &'static str {
        match (self.shape, self.hands_back, self.may_refuse) {
            (Shape::QueryPrepared, ..) => "Result<Prepared, Retry>",
            (Shape::Branch, false, false) => "Result<(), Retry>",
            (Shape::Branch, false, true) => "Result<(), BranchError>",
            (Shape::Branch, true, false) => "Result<T, Retry>",
            (Shape::Branch, true, true) => "Result<T, BranchError>",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#[{}]", self.attribute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_found_by_its_attribute_and_shows_its_own_form() {
        for role in Role::ALL {
            assert!(std::ptr::eq(Role::of_attribute(role.attribute).unwrap(), role), "{role}");
            assert!(role.example.starts_with(&format!("#[{}(\"/", role.attribute)), "{}", role.example);
            assert!(role.usage.starts_with(role.noun), "{}", role.usage);
            assert!(role.usage.contains(role.result()), "{}", role.usage);
        }
    }
}
