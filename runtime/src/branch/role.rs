//! The roles of annotated functions, as a table, and the list of routes.

use crate::protocol::Op;

/// The role of an annotated function in a global transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// `#[msg_branch]`: a branch of a message; it must succeed in the end.
    MsgBranch,
    /// `#[saga_action]`: a step of a saga; it may refuse.
    SagaAction,
    /// `#[saga_compensate]`: undoes a saga's action; it must succeed in the end.
    SagaCompensate,
    /// `#[tcc_try]`: reserves; it may refuse.
    TccTry,
    /// `#[tcc_confirm]`: makes a reservation final; it must succeed in the end.
    TccConfirm,
    /// `#[tcc_cancel]`: gives up a reservation; it must succeed in the end.
    TccCancel,
    /// `#[query_prepared]`: answers whether a message's local transaction has committed.
    QueryPrepared,
}

/// One row of the table: the properties of a role.
struct Row {
    noun: &'static str,
    ops: &'static [Op],
    is_question: bool,
    may_refuse: bool,
    hands_back: bool,
}

static MSG_BRANCH: Row =
    Row { noun: "branch of a message", ops: &[Op::Action], is_question: false, may_refuse: false, hands_back: false };

static SAGA_ACTION: Row =
    Row { noun: "action of a saga", ops: &[Op::Action], is_question: false, may_refuse: true, hands_back: true };

// A workflow's word for it is `rollback`.
static SAGA_COMPENSATE: Row = Row {
    noun: "compensation of a saga",
    ops: &[Op::Compensate, Op::Rollback],
    is_question: false,
    may_refuse: false,
    hands_back: false,
};

// A workflow's words for the three are `action`, `commit` and `rollback`.
static TCC_TRY: Row =
    Row { noun: "try of a TCC", ops: &[Op::Try, Op::Action], is_question: false, may_refuse: true, hands_back: true };

static TCC_CONFIRM: Row = Row {
    noun: "confirm of a TCC",
    ops: &[Op::Confirm, Op::Commit],
    is_question: false,
    may_refuse: false,
    hands_back: false,
};

static TCC_CANCEL: Row = Row {
    noun: "cancel of a TCC",
    ops: &[Op::Cancel, Op::Rollback],
    is_question: false,
    may_refuse: false,
    hands_back: false,
};

static QUERY_PREPARED: Row =
    Row { noun: "query-prepared", ops: &[Op::Msg], is_question: true, may_refuse: true, hands_back: false };

impl Role {
    fn row(self) -> &'static Row {
        match self {
            Self::MsgBranch => &MSG_BRANCH,
            Self::SagaAction => &SAGA_ACTION,
            Self::SagaCompensate => &SAGA_COMPENSATE,
            Self::TccTry => &TCC_TRY,
            Self::TccConfirm => &TCC_CONFIRM,
            Self::TccCancel => &TCC_CANCEL,
            Self::QueryPrepared => &QUERY_PREPARED,
        }
    }

    /// The noun for it: "branch of a message".
    pub fn noun(self) -> &'static str {
        self.row().noun
    }

    /// The ops that its route accepts. The reply to any other op is [`Reply::BadCall`](crate::Reply).
    pub fn ops(self) -> &'static [Op] {
        self.row().ops
    }

    /// Whether it only answers a question of the coordinator: by GET, without a payload, and possibly with "not known
    /// yet". A branch is called to change data.
    pub fn is_question(self) -> bool {
        self.row().is_question
    }

    /// Whether it may refuse; otherwise it must succeed in the end.
    pub fn may_refuse(self) -> bool {
        self.row().may_refuse
    }

    /// Whether it returns a value to its caller.
    pub fn hands_back(self) -> bool {
        self.row().hands_back
    }
}

/// One route of a service, for lists, diagrams and snapshot tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Route {
    /// The function's name.
    pub name: &'static str,
    /// The whole path. Do not change it: stored transactions contain it.
    pub path: &'static str,
    /// Its role.
    pub role: Role,
    /// The payload's type as written, empty without one.
    pub payload: &'static str,
    /// The database's type as written, empty without one.
    pub database: &'static str,
    /// The name of the first function of its pair, if it is a second one (a compensation, a confirm, a cancel); else empty.
    pub of: &'static str,
    /// The first line of the function's docs.
    pub doc: &'static str,
}
