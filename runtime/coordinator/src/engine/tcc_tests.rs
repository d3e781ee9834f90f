//! TCC by example, and what it promises under any events in any order.

use std::collections::BTreeMap;
use std::time::Duration;

use branchwire_protocol::{Answer, BranchId, Gid, Op, Status, TransType, TransactionOptions};
use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const START: Time = Time::from_millis(1_000_000);

fn at(seconds: u64) -> Time {
    START.after(Duration::from_secs(seconds))
}

fn definition() -> Definition {
    let options = TransactionOptions { retry_interval: 1, timeout_to_fail: 5, ..TransactionOptions::default() };
    Definition {
        gid: Gid::new("g").unwrap(),
        trans_type: TransType::Tcc,
        protocol: Protocol::Http,
        created: START,
        query_prepared: String::new(),
        branches: Vec::new(),
        concurrent: false,
        predecessors: Vec::new(),
        timing: Timing::new(&options, 0, &Defaults::default()),
        headers: BTreeMap::new(),
        options: String::new(),
        custom_data: String::new(),
        ext_data: String::new(),
    }
}

/// The two rows of a branch, in the order in which DTM makes them.
fn registration(branch_id: &str, host: &str) -> Event {
    let branch_id = BranchId::new(branch_id).unwrap();
    let row = |op: Op| BranchOp {
        url: format!("http://{host}/{op}"),
        branch_id: branch_id.clone(),
        op,
        payload: Bytes::from_static(b"1"),
    };
    Event::RegisterBranch { rows: vec![row(Op::Cancel), row(Op::Confirm)], branch_id: branch_id.clone() }
}

fn answered(branch: usize, answer: Answer) -> Event {
    Event::Answered { branch, result: answer.into(), said: String::new() }
}

/// A transaction with its definition, which registrations add to.
struct Played {
    definition: Definition,
    state: State,
    commands: Vec<Command>,
}

impl Played {
    fn prepared() -> Self {
        let definition = definition();
        let Transition { state, commands, .. } = create(&definition, Opening::Prepare, START);
        Self { definition, state, commands }
    }

    fn on(&mut self, second: u64, event: Event) -> Result<&[Command], EngineError> {
        let next = step(&self.definition, &self.state, event, at(second))?;
        self.definition.branches.extend(next.appended);
        (self.state, self.commands) = (next.state, next.commands);
        assert_eq!(self.definition.branches.len(), self.state.branches.len());
        Ok(&self.commands)
    }

    /// Plays several events, all of which must be possible.
    fn play(mut self, events: impl IntoIterator<Item = (u64, Event)>) -> Self {
        for (second, event) in events {
            self.on(second, event).expect("it is possible");
        }
        self
    }
}

fn due(second: u64) -> (u64, Event) {
    (second, Event::Due { until: at(second + 60) })
}

#[test]
fn branches_are_added_in_the_order_in_which_they_were_registered() {
    let played = Played::prepared().play([(0, registration("01", "b")), (0, registration("02", "c"))]);
    assert_eq!(played.commands, [Command::Save, Command::Accept], "durable before it is acknowledged");
    let rows: Vec<_> = played.definition.branches.iter().map(|row| (row.branch_id.as_str(), row.op.as_str())).collect();
    assert_eq!(rows, [("01", "cancel"), ("01", "confirm"), ("02", "cancel"), ("02", "confirm")]);
}

#[test]
fn the_same_registration_is_acknowledged_and_another_of_its_id_refused() {
    let mut played = Played::prepared().play([(0, registration("01", "b"))]);
    assert_eq!(played.on(1, registration("01", "b")), Ok(&[Command::Accept][..]));
    let refused = played.on(1, registration("01", "c")).unwrap_err();
    assert!(matches!(refused, EngineError::NotAllowed(NotAllowed::RegisteredOtherwise(_))), "{refused}");
    assert_eq!(played.definition.branches.len(), 2);
}

#[test]
fn a_branch_of_another_pattern_is_refused() {
    let mut played = Played::prepared();
    let branch_id = BranchId::new("01").unwrap();
    let row = BranchOp { branch_id: branch_id.clone(), op: Op::Commit, url: String::new(), payload: Bytes::new() };
    let refused = played.on(1, Event::RegisterBranch { rows: vec![row], branch_id }).unwrap_err();
    assert!(matches!(refused, EngineError::NotAllowed(NotAllowed::NotOfPattern(TransType::Tcc))), "{refused}");
}

#[test]
fn a_tcc_has_a_thousand_branches_at_most() {
    let registrations = (0..1_000).map(|number| (0, registration(&format!("{number:03}"), "b")));
    let mut played = Played::prepared().play(registrations);
    assert_eq!(played.on(1, registration("000", "b")), Ok(&[Command::Accept][..]), "a repeat is none more");
    let refused = played.on(1, registration("1000", "b")).unwrap_err();
    assert_eq!(refused, EngineError::NotAllowed(NotAllowed::TooMany(1_000)));
}

#[test]
fn a_decision_closes_the_registration_and_the_run_starts_with_the_branches_that_the_store_then_has() {
    for event in [Event::Submit, Event::Abort { reason: String::new() }] {
        let mut played = Played::prepared().play([(0, registration("01", "b")), (1, event.clone())]);
        assert_eq!(played.commands.first(), Some(&Command::Save));
        assert_eq!(played.commands.last(), Some(&Command::Read), "{event:?}");
        assert!(!played.commands.iter().any(|command| matches!(command, Command::Call(_))), "{event:?}");
        assert_eq!(
            (played.state.due, &played.state.holder),
            (at(1).after(played.definition.timing.lease()), &Holder::Us)
        );
        let late = played.on(1, registration("02", "c")).unwrap_err();
        assert!(matches!(late, EngineError::NotAllowed(NotAllowed::Register(..))), "{late}");
        played.on(1, due(1).1).unwrap();
        let (cancel, confirm) = (Command::Call(0), Command::Call(1));
        assert_eq!(played.commands, [if event == Event::Submit { confirm } else { cancel }]);
    }
}

#[test]
fn an_overdue_tcc_is_cancelled_with_the_reason() {
    let played = Played::prepared().play([(0, registration("01", "b"))]);
    assert_eq!(played.state.due, at(5));
    let early = Played { definition: played.definition.clone(), state: played.state.clone(), commands: Vec::new() };
    assert_eq!(early.play([due(3)]).state.due, at(5), "not before its time, whoever asks for it");
    let played = played.play([due(5)]);
    assert_eq!(played.commands, [Command::Save, Command::Report(RunEnd::RollingBack), Command::Read]);
    let played = played.play([due(5), (6, answered(0, Answer::Success))]);
    assert_eq!((played.state.status, played.state.ended), (Status::Failed, Some(at(6))));
    assert_eq!(played.commands, [Command::Save, Command::Report(RunEnd::Failed)], "a rollback is no success");
    assert_eq!(played.state.rollback_reason, "Timeout after 5 seconds");
}

#[test]
fn a_submitted_tcc_is_confirmed_however_long_that_takes() {
    let events = [(0, registration("01", "b")), (1, Event::Submit), due(1), (2, answered(1, Answer::Unknown))];
    let mut played = Played::prepared().play(events).play([due(1_000)]);
    assert_eq!(played.commands, [Command::Call(1)]);
    let abort = played.on(1_000, Event::Abort { reason: String::new() }).unwrap_err();
    assert!(matches!(abort, EngineError::NotAllowed(NotAllowed::Abort(..))), "{abort}");
}

#[test]
fn a_branch_that_is_slow_or_refuses_does_not_hold_up_the_others() {
    let registrations = [(0, registration("01", "b")), (0, registration("02", "c"))];
    let played = Played::prepared().play(registrations).play([(1, Event::Submit), due(1)]);
    assert_eq!(played.commands, [Command::Call(1), Command::Call(3)]);
    let played = played.play([(1, answered(1, Answer::Failure)), (2, answered(3, Answer::Success))]);
    assert_eq!(played.commands, [Command::Save, Command::Report(RunEnd::Ongoing)], "it is asked again");
    assert_eq!((played.state.status, played.state.due), (Status::Submitted, at(4)), "the interval has doubled");
    let played = played.play([due(4), (4, answered(1, Answer::Success))]);
    assert_eq!(played.commands, [Command::Save, Command::Report(RunEnd::Succeed)]);
}

#[test]
fn nested_branches_come_before_the_one_whose_try_registered_them() {
    let ids = ["01", "02", "0201", "0202", "020101"];
    let registrations = ids.map(|id| (0, registration(id, "b")));
    for (decision, op) in [(Event::Submit, 1), (Event::Abort { reason: String::new() }, 0)] {
        let row = |place: usize| 2 * place + op;
        let call = |place| Command::Call(row(place));
        let done = |place| answered(row(place), Answer::Success);
        let played = Played::prepared().play(registrations.clone()).play([(1, decision), due(1)]);
        assert_eq!(played.commands, [call(0), call(3), call(4)]);
        let played = played.play([(1, done(3))]);
        assert_eq!(played.commands, [Command::Record]);
        let played = played.play([(1, done(4))]);
        assert_eq!(played.commands, [Command::Record, call(2)]);
        let played = played.play([(1, done(2))]);
        assert_eq!(played.commands, [Command::Record, call(1)]);
    }
}

#[test]
fn the_first_reason_stays() {
    let abort = |reason: &str| Event::Abort { reason: reason.to_owned() };
    let played = Played::prepared().play([(0, registration("01", "b")), (1, abort("sold out")), (2, abort("other"))]);
    assert_eq!((&*played.state.rollback_reason, &played.commands[..]), ("sold out", &[Command::Accept][..]));
    let long = "x".repeat(5_000);
    let played = Played::prepared().play([(1, abort(&long))]);
    assert_eq!(played.state.rollback_reason.len(), 1_024);
}

#[test]
fn a_repeated_submit_or_abort_runs_nothing() {
    for event in [Event::Submit, Event::Abort { reason: String::new() }] {
        let mut played = Played::prepared().play([(0, registration("01", "b")), (1, event.clone())]);
        assert_eq!(played.on(2, event), Ok(&[Command::Accept][..]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn any_events_in_any_order_confirm_all_branches_or_cancel_all(
        events in proptest::collection::vec((any_event(), 0_u64..4), 0..60),
    ) {
        let mut played = Played::prepared();
        let mut second = 0;
        for (event, wait) in events {
            second += wait;
            let before = played.state.clone();
            match played.on(second, event) {
                Ok(_) => check(&before, &played),
                Err(EngineError::NotAllowed(_)) => prop_assert_eq!(&before, &played.state),
                Err(EngineError::Impossible { event, .. }) => prop_assert_eq!(event, "answered"),
            }
        }
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let result = prop_oneof![
        4 => Just(Answer::Success.into()),
        1 => Just(Answer::Failure.into()),
        1 => Just(Answer::Ongoing.into()),
        1 => Just(Answer::Unknown.into()),
        1 => Just(CallResult::NotMade),
    ];
    prop_oneof![
        4 => (1_u8..4, prop_oneof![Just("b"), Just("c")]).prop_map(|(id, host)| registration(&format!("{id:02}"), host)),
        1 => Just(Event::Prepare),
        2 => Just(Event::Submit),
        1 => Just(Event::Abort { reason: "why".to_owned() }),
        1 => Just(Event::ResetNextCronTime),
        1 => Just(Event::Stop),
        6 => Just(Event::Due { until: Time::MAX }),
        16 => (0_usize..6, result).prop_map(|(branch, result)| Event::Answered { branch, result, said: String::new() }),
    ]
}

fn check(before: &State, played: &Played) {
    let Played { definition, state, commands } = played;
    let done = |op: Op, status: Status| {
        let rows = definition.branches.iter().zip(&state.branches);
        rows.filter(move |(row, state)| row.op == op && state.status == status).count()
    };
    let all = definition.branches.len() / 2;
    match state.status {
        Status::Prepared => assert_eq!(done(Op::Confirm, Status::Succeed) + done(Op::Cancel, Status::Succeed), 0),
        Status::Submitted => assert_eq!(done(Op::Cancel, Status::Succeed), 0),
        Status::Aborting => assert_eq!(done(Op::Confirm, Status::Succeed), 0),
        Status::Succeed => assert_eq!(done(Op::Confirm, Status::Succeed), all),
        Status::Failed => assert_eq!(done(Op::Cancel, Status::Succeed), all),
    }
    assert!(before.branches.len() == state.branches.len() || before.status == Status::Prepared);
    assert!(before.direction() != Some(Direction::Back) || state.direction() == Some(Direction::Back));
    assert!(before.rollback_reason.is_empty() || before.rollback_reason == state.rollback_reason);
    if before.status != state.status || before.branches.len() != state.branches.len() {
        assert_eq!(commands.first(), Some(&Command::Save), "durable before anything else");
    }
    for command in commands {
        if let Command::Call(index) = command {
            let op = if state.direction() == Some(Direction::Back) { Op::Cancel } else { Op::Confirm };
            assert_eq!((&definition.branches[*index].op, state.branches[*index].is_done()), (&op, false));
        }
    }
}
