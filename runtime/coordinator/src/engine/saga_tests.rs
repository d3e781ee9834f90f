//! The saga by example, and what it promises under any answers, timeouts, aborts and crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use branchwire_protocol::{Answer, BranchId, Gid, Op, Status, TransType, TransactionOptions};
use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const START: Time = Time::from_millis(1_000_000);

fn at(seconds: u64) -> Time {
    START.after(Duration::from_secs(seconds))
}

/// A saga of steps with these predecessors. A step whose number is in `final_steps` has no compensation.
fn saga(predecessors: &[&[usize]], final_steps: &[usize], options: &TransactionOptions) -> Definition {
    let rows = (0..predecessors.len()).flat_map(|step| {
        [Op::Compensate, Op::Action].map(|op| BranchOp {
            branch_id: BranchId::new(format!("{:02}", step + 1)).unwrap(),
            url: if op == Op::Compensate && final_steps.contains(&step) {
                String::new()
            } else {
                format!("http://b/{op}")
            },
            op,
            payload: Bytes::from_static(b"{}"),
        })
    });
    Definition {
        gid: Gid::new("g").unwrap(),
        trans_type: TransType::Saga,
        protocol: Protocol::Http,
        created: START,
        query_prepared: String::new(),
        branches: rows.collect(),
        concurrent: false,
        predecessors: predecessors.iter().map(|before| before.to_vec()).collect(),
        timing: Timing::new(&TransactionOptions { retry_interval: 1, ..options.clone() }, 0, &Defaults::default()),
        headers: BTreeMap::new(),
        options: String::new(),
        custom_data: String::new(),
        ext_data: String::new(),
    }
}

/// Two steps, one after the other.
fn two(options: &TransactionOptions) -> Definition {
    saga(&[&[], &[0]], &[], options)
}

fn answered(row: usize, answer: Answer) -> Event {
    Event::Answered { branch: row, result: answer.into(), said: "no".to_owned() }
}

fn due(second: u64) -> (u64, Event) {
    (second, Event::Due { until: at(second + 60) })
}

/// Submits a saga and plays events at the second each comes with; gives the last step.
fn play(definition: &Definition, events: impl IntoIterator<Item = (u64, Event)>) -> Transition {
    let first = create(definition, Opening::Submit, START);
    events.into_iter().fold(first, |before, (second, event)| {
        step(definition, &before.state, event, at(second)).expect("the event is possible")
    })
}

/// The rows of the first two steps: compensation, action.
const UNDO_A: usize = 0;
const A: usize = 1;
const UNDO_B: usize = 2;
const B: usize = 3;

#[test]
fn an_action_is_called_only_once_the_success_of_the_one_before_is_durable() {
    let definition = two(&TransactionOptions::default());
    let submitted = play(&definition, []);
    assert_eq!(submitted.commands, [Command::Save, Command::Accept, Command::Call(A)]);
    let next = play(&definition, [(1, answered(A, Answer::Success))]);
    assert_eq!(next.commands, [Command::Save, Command::Call(B)]);
    let end = play(&definition, [(1, answered(A, Answer::Success)), (1, answered(B, Answer::Success))]);
    assert_eq!(end.commands, [Command::Save, Command::Report(RunEnd::Succeed)]);
}

#[test]
fn a_refusal_is_durable_before_the_compensations_which_come_in_reverse_order() {
    let definition = two(&TransactionOptions::default());
    let mut events = vec![(1, answered(A, Answer::Success)), (1, answered(B, Answer::Failure))];
    let turned = play(&definition, events.clone());
    assert_eq!(turned.commands, [Command::Save, Command::Call(UNDO_B)]);
    assert_eq!(turned.state.rollback_reason, "url:http://b/action return failed: no FAILURE");
    events.push((1, answered(UNDO_B, Answer::Failure)));
    let paused = play(&definition, events.clone());
    assert_eq!(paused.commands, [Command::Save, Command::Report(RunEnd::RollingBack)], "asked again, never given up");
    events.extend([due(4), (4, answered(UNDO_B, Answer::Success))]);
    assert_eq!(play(&definition, events.clone()).commands, [Command::Record, Command::Call(UNDO_A)]);
    events.push((4, answered(UNDO_A, Answer::Success)));
    let end = play(&definition, events);
    assert_eq!((end.state.status, &end.commands[1]), (Status::Failed, &Command::Report(RunEnd::Failed)));
}

#[test]
fn an_action_in_flight_is_compensated_only_when_it_has_answered() {
    let definition = saga(&[&[], &[]], &[], &TransactionOptions::default());
    let mut events = vec![(1, answered(B, Answer::Failure))];
    assert_eq!(play(&definition, events.clone()).commands, [Command::Save, Command::Call(UNDO_B)]);
    events.push((2, answered(A, Answer::Unknown)));
    assert_eq!(play(&definition, events).commands, [Command::Record, Command::Call(UNDO_A)]);
}

#[test]
fn an_abort_turns_a_running_saga_back() {
    let definition = two(&TransactionOptions::default());
    let abort = || Event::Abort { reason: "changed my mind".to_owned() };
    let turned = play(&definition, [(1, answered(A, Answer::Success)), (1, abort())]);
    assert_eq!(turned.commands, [Command::Save, Command::Accept, Command::Report(RunEnd::RollingBack)]);
    let next = step(&definition, &turned.state, answered(B, Answer::Success), at(2)).unwrap();
    assert_eq!(next.commands, [Command::Record, Command::Call(UNDO_B)], "its late success changes nothing");
    assert_eq!(step(&definition, &next.state, abort(), at(2)).unwrap().commands, [Command::Accept]);
}

#[test]
fn a_late_success_undoes_its_own_step_and_none_that_was_not_called() {
    let definition = saga(&[&[], &[0], &[1]], &[], &TransactionOptions::default());
    let abort = Event::Abort { reason: String::new() };
    let late = play(&definition, [(1, abort), (2, answered(A, Answer::Success))]);
    assert_eq!(late.commands, [Command::Record, Command::Call(UNDO_A)]);
    let end = step(&definition, &late.state, answered(UNDO_A, Answer::Success), at(3)).unwrap();
    assert_eq!((end.state.status, &end.commands[1]), (Status::Failed, &Command::Report(RunEnd::Failed)));
}

#[test]
fn a_saga_has_a_timeout_only_if_its_client_has_set_one() {
    let forever = two(&TransactionOptions::default());
    let later = play(&forever, [(1, answered(A, Answer::Ongoing)), due(1_000)]);
    assert_eq!(later.commands, [Command::Call(A)]);
    let limited = two(&TransactionOptions { timeout_to_fail: 3, ..TransactionOptions::default() });
    let paused = play(&limited, [(2, answered(A, Answer::Unknown))]);
    assert_eq!(paused.state.due, at(3), "not later than the timeout");
    let turned = play(&limited, [(2, answered(A, Answer::Unknown)), due(3)]);
    assert_eq!(turned.state.rollback_reason, "Timeout after 3 seconds");
    assert!(turned.commands.ends_with(&[Command::Call(UNDO_A)]), "{:?}", turned.commands);
    let in_run = play(&limited, [(3, answered(A, Answer::Success))]);
    assert_eq!(in_run.state.status, Status::Aborting, "no further action once the time is over");
}

#[test]
fn nothing_but_a_refusal_turns_a_saga_back_once_only_final_steps_are_left() {
    let options = TransactionOptions { timeout_to_fail: 3, retry_limit: 1, ..TransactionOptions::default() };
    let definition = saga(&[&[], &[0]], &[1], &options);
    let unclear = [due(10), (10, answered(B, Answer::Unknown)), due(20), (20, answered(B, Answer::Unknown))];
    let state = play(&definition, [(1, answered(A, Answer::Success))].into_iter().chain(unclear)).state;
    assert_eq!(state.status, Status::Submitted);
    let refused = step(&definition, &state, Event::Abort { reason: String::new() }, at(20)).unwrap_err();
    assert!(matches!(refused, EngineError::NotAllowed(NotAllowed::Abort(..))), "{refused}");
}

#[test]
fn the_retry_limit_counts_unclear_answers_of_all_actions_and_no_ongoing_ones() {
    let definition = saga(&[&[], &[]], &[], &TransactionOptions { retry_limit: 2, ..TransactionOptions::default() });
    let mut events = vec![
        (0, answered(A, Answer::Unknown)),
        (0, answered(B, Answer::Ongoing)),
        due(2),
        (2, answered(A, Answer::Unknown)),
    ];
    assert_eq!(play(&definition, events.clone()).state.status, Status::Submitted);
    events.extend([(2, answered(B, Answer::Unknown))]);
    let turned = play(&definition, events);
    assert_eq!(turned.state.rollback_reason, "RetryCount is greater than RetryLimit, RetryLimit: 2");
    assert_eq!(turned.commands, [Command::Save, Command::Call(UNDO_B), Command::Call(UNDO_A)]);
}

/// A saga with everything that it does written down.
struct World {
    definition: Definition,
    state: State,
    durable: State,
    second: u64,
    /// Actions that were called: they may have been applied.
    called: BTreeSet<usize>,
    compensated: BTreeSet<usize>,
}

impl World {
    fn take(&mut self, next: Transition, record_is_kept: bool) {
        self.state = next.state;
        for command in &next.commands {
            match command {
                Command::Save => self.durable = self.state.clone(),
                Command::Record if record_is_kept => self.durable.branches.clone_from(&self.state.branches),
                Command::Call(row) => self.calls(*row),
                Command::Record | Command::Accept | Command::Ask | Command::Read | Command::Report(_) => {}
            }
        }
        if self.state.status == Status::Succeed {
            assert!(self.definition.predecessors.iter().enumerate().all(|(step, _)| self.has_succeeded(step)));
            assert!(self.compensated.is_empty(), "nothing was undone");
        }
        if self.state.status == Status::Failed {
            assert_eq!(self.compensated.intersection(&self.called).count(), self.called.len(), "all may have run");
        }
    }

    fn has_succeeded(&self, step: usize) -> bool {
        self.durable.branches[2 * step + 1].status == Status::Succeed
    }

    /// A call is made: what must hold then.
    fn calls(&mut self, row: usize) {
        let step = row / 2;
        if row % 2 == 1 {
            assert_eq!(self.durable.status, Status::Submitted);
            assert!(self.definition.predecessors[step].iter().all(|before| self.has_succeeded(*before)), "{step}");
            self.called.insert(step);
            return;
        }
        assert_eq!(self.durable.status, Status::Aborting, "the direction is durable");
        assert!(!self.state.in_flight().any(|row| row == 2 * step + 1), "its action is not in flight");
        let after = self.definition.predecessors.iter().enumerate().filter(|(_, before)| before.contains(&step));
        for (after, _) in after {
            assert!(!self.called.contains(&after) || self.compensated.contains(&after), "{after} before {step}");
        }
    }

    fn on(&mut self, event: Event, record_is_kept: bool) {
        let undone = match &event {
            Event::Answered { branch, result: CallResult::Made(last), .. } if branch % 2 == 0 => {
                (last.answer == Answer::Success && self.state.in_flight().any(|row| row == *branch))
                    .then_some(branch / 2)
            }
            _ => None,
        };
        self.compensated.extend(undone);
        match step(&self.definition, &self.state, event, at(self.second)) {
            Ok(next) => self.take(next, record_is_kept),
            Err(EngineError::NotAllowed(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// The process dies; the next one goes on when the lease has ended.
    fn crash(&mut self) {
        self.second += 100;
        self.state = State { run: Run::Idle, holder: Holder::Nobody, ..self.durable.clone() };
    }
}

/// What happens next.
#[derive(Debug, Clone)]
enum Happening {
    /// One of the calls in flight is answered.
    Answer(prop::sample::Index, Answer),
    Due,
    Abort,
    Crash,
}

fn happening() -> impl Strategy<Value = Happening> {
    let answer = prop_oneof![
        6 => Just(Answer::Success),
        1 => Just(Answer::Failure),
        1 => Just(Answer::Ongoing),
        1 => Just(Answer::Unknown),
    ];
    prop_oneof![
        12 => (any::<prop::sample::Index>(), answer).prop_map(|(which, answer)| Happening::Answer(which, answer)),
        4 => Just(Happening::Due),
        1 => Just(Happening::Abort),
        1 => Just(Happening::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn all_actions_succeed_or_each_that_may_have_run_is_compensated_in_order(
        graph in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..3), 1..6),
        timeout_to_fail in prop_oneof![Just(0_i64), 1_i64..200],
        retry_limit in 0_i64..4,
        happenings in prop::collection::vec((happening(), any::<bool>()), 0..60),
    ) {
        // A step waits for earlier ones only: no circle.
        let predecessors: Vec<Vec<usize>> = graph
            .iter()
            .enumerate()
            .map(|(step, before)| {
                let before: BTreeSet<_> = before.iter().filter(|_| step > 0).map(|index| index.index(step)).collect();
                before.into_iter().collect()
            })
            .collect();
        let predecessors: Vec<&[usize]> = predecessors.iter().map(Vec::as_slice).collect();
        let options = TransactionOptions { timeout_to_fail, retry_limit, ..TransactionOptions::default() };
        let definition = saga(&predecessors, &[], &options);
        let first = create(&definition, Opening::Submit, START);
        let (state, durable) = (first.state.clone(), first.state.clone());
        let (called, compensated) = (BTreeSet::new(), BTreeSet::new());
        let mut world = World { definition, state, durable, second: 0, called, compensated };
        world.take(first, true);
        for (happening, record_is_kept) in happenings {
            let in_flight: Vec<_> = world.state.in_flight().collect();
            match happening {
                Happening::Answer(which, answer) if !in_flight.is_empty() => {
                    world.on(answered(in_flight[which.index(in_flight.len())], answer), record_is_kept);
                }
                Happening::Answer(..) | Happening::Due if world.state.run == Run::Idle => {
                    world.second += 5;
                    let until = at(world.second + 60);
                    world.on(Event::Due { until }, record_is_kept);
                }
                Happening::Abort => world.on(Event::Abort { reason: "why".to_owned() }, record_is_kept),
                Happening::Crash => world.crash(),
                Happening::Answer(..) | Happening::Due => {}
            }
        }
        // In the end everything answers, and the saga comes to its end.
        for _ in 0..100 {
            let in_flight = world.state.in_flight().next();
            match in_flight {
                Some(row) => world.on(answered(row, Answer::Success), true),
                None if world.state.status.is_final() => break,
                None => {
                    world.second += 5;
                    let until = at(world.second + 60);
                    world.on(Event::Due { until }, true);
                }
            }
        }
        prop_assert!(world.state.status.is_final(), "it comes to an end: {:?}", world.state);
    }
}
