//! The table by example, and its invariants under any events in any order.

use std::collections::BTreeMap;
use std::time::Duration;

use branchwire_protocol::{Answer, BranchId, Gid, Op, Status, TransType, TransactionOptions};
use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const START: Time = Time::from_millis(1_000_000);

fn definition(urls: &[&str], concurrent: bool, delay_s: u64) -> Definition {
    let options = TransactionOptions { retry_interval: 1, timeout_to_fail: 5, ..TransactionOptions::default() };
    let branches = urls.iter().zip(1..).map(|(url, number)| BranchOp {
        branch_id: BranchId::new(format!("{number:02}")).unwrap(),
        op: Op::Action,
        url: (*url).to_owned(),
        payload: Bytes::from_static(b"{}"),
    });
    Definition {
        gid: Gid::new("g").unwrap(),
        trans_type: TransType::Msg,
        protocol: Protocol::Http,
        created: START,
        query_prepared: "http://a/prepared".to_owned(),
        branches: branches.collect(),
        concurrent,
        predecessors: Vec::new(),
        timing: Timing::new(&options, delay_s, &Defaults::default()),
        headers: BTreeMap::new(),
        options: String::new(),
        custom_data: String::new(),
        ext_data: String::new(),
    }
}

fn at(seconds: u64) -> Time {
    START.after(Duration::from_secs(seconds))
}

fn answered(branch: usize, answer: Answer) -> Event {
    Event::Answered { branch, result: answer.into(), said: String::new() }
}

/// Plays events, each at its second; returns the last transition.
fn play(definition: &Definition, opening: Opening, events: &[(u64, Event)]) -> Transition {
    let first = create(definition, opening, START);
    events.iter().fold(first, |before, (second, event)| {
        step(definition, &before.state, event.clone(), at(*second)).expect("the event is possible")
    })
}

fn waits_until(step: &Transition, second: u64) {
    assert_eq!((step.state.due, &step.state.holder, &step.state.run), (at(second), &Holder::Nobody, &Run::Idle));
}

#[test]
fn prepare_records_and_calls_nobody() {
    let step = create(&definition(&["http://b/in"], false, 0), Opening::Prepare, START);
    assert_eq!(step.commands, [Command::Save, Command::Accept]);
    waits_until(&step, 5);
}

#[test]
fn submit_is_durable_before_it_is_accepted_and_before_a_branch_is_called() {
    let step = play(&definition(&["http://b/in"], false, 0), Opening::Prepare, &[(1, Event::Submit)]);
    assert_eq!(step.commands, [Command::Save, Command::Accept, Command::Call(0)]);
    assert_eq!((step.state.status, step.state.holder), (Status::Submitted, Holder::Us));
}

#[test]
fn branches_are_called_in_order_and_the_last_success_ends_the_message() {
    let definition = definition(&["http://b/in", "", "http://c/in"], false, 0);
    let step = play(&definition, Opening::Submit, &[(1, answered(0, Answer::Success))]);
    assert_eq!(step.commands, [Command::Record, Command::Call(2)]);
    let step = super::step(&definition, &step.state, answered(2, Answer::Success), at(1)).unwrap();
    assert_eq!(step.commands, [Command::Save, Command::Report(RunEnd::Succeed)]);
    assert_eq!((step.state.status, step.state.ended), (Status::Succeed, Some(at(1))));
}

#[test]
fn the_interval_doubles_at_unclear_answers_and_refusals_stays_at_ongoing_and_is_reset_by_progress() {
    let definition = definition(&["http://b/in", "http://c/in"], false, 0);
    let due = |second| (second, Event::Due { until: at(second + 60) });
    let mut events = vec![(0, answered(0, Answer::Unknown))];
    waits_until(&play(&definition, Opening::Submit, &events), 2);
    events.extend([due(2), (2, answered(0, Answer::Failure))]);
    waits_until(&play(&definition, Opening::Submit, &events), 6);
    events.extend([due(6), (6, answered(0, Answer::Ongoing))]);
    waits_until(&play(&definition, Opening::Submit, &events), 10);
    events.extend([due(10), (10, answered(0, Answer::Success)), (10, answered(1, Answer::Unknown))]);
    waits_until(&play(&definition, Opening::Submit, &events), 12);
}

#[test]
fn concurrent_branches_are_called_at_once_and_all_answers_are_awaited() {
    let definition = definition(&["http://b/in", "http://c/in"], true, 0);
    let step = play(&definition, Opening::Submit, &[(0, answered(0, Answer::Unknown))]);
    assert_eq!(step.commands, [Command::Record]);
    let step = super::step(&definition, &step.state, answered(1, Answer::Success), at(0)).unwrap();
    assert_eq!(step.commands, [Command::Save, Command::Report(RunEnd::Unknown)]);
    waits_until(&step, 2);
    let step = super::step(&definition, &step.state, Event::Due { until: at(62) }, at(2)).unwrap();
    assert_eq!(step.commands, [Command::Call(0)], "what is done is not called again, and the lease is the store's");
}

#[test]
fn a_delay_holds_the_branches_back() {
    let definition = definition(&["http://b/in"], false, 30);
    let step = play(&definition, Opening::Prepare, &[(1, Event::Submit)]);
    assert_eq!(step.commands, [Command::Save, Command::Accept]);
    waits_until(&step, 30);
    let again = super::step(&definition, &step.state, Event::Submit, at(2)).unwrap();
    assert_eq!(again.commands, [Command::Accept]);
}

#[test]
fn query_prepared_decides_what_was_never_submitted() {
    let definition = definition(&["http://b/in"], false, 0);
    let asked =
        |result| play(&definition, Opening::Prepare, &[(5, Event::Due { until: at(65) }), (5, Event::Asked(result))]);
    let step = asked(Answer::Success.into());
    assert_eq!((step.state.status, step.commands), (Status::Submitted, vec![Command::Save, Command::Call(0)]));
    assert_eq!(asked(Answer::Failure.into()).state.status, Status::Failed);
    waits_until(&asked(Answer::Ongoing.into()), 6);
    waits_until(&asked(Answer::Unknown.into()), 7);
    let not_asked = asked(CallResult::NotMade);
    waits_until(&not_asked, 6);
    assert_eq!((not_asked.state.interval, not_asked.state.question.attempts), (Duration::from_secs(1), 0));
}

#[test]
fn the_first_wait_after_a_submit_is_short_however_long_its_sender_was_waited_for() {
    let definition = definition(&["http://b/in"], false, 0);
    let due = |second| (second, Event::Due { until: at(second + 60) });
    let unclear = |second| (second, Event::Asked(Answer::Unknown.into()));
    let late = [due(5), unclear(5), due(7), unclear(7), due(11), unclear(11), (12, Event::Submit)];
    let events: Vec<_> = late.into_iter().chain([(12, answered(0, Answer::Unknown))]).collect();
    waits_until(&play(&definition, Opening::Prepare, &events), 14);
}

#[test]
fn without_anybody_to_ask_a_prepared_message_stays_prepared() {
    let definition = Definition { query_prepared: String::new(), ..definition(&["http://b/in"], false, 0) };
    let step = play(&definition, Opening::Prepare, &[(5, Event::Due { until: at(65) })]);
    assert_eq!((step.state.status, &step.commands[..]), (Status::Prepared, &[Command::Save][..]));
    waits_until(&step, 7);
}

#[test]
fn a_submit_while_the_question_is_under_way_wins() {
    let definition = definition(&["http://b/in"], false, 0);
    let events = [(5, Event::Due { until: at(65) }), (5, Event::Submit), (6, Event::Asked(Answer::Failure.into()))];
    let step = play(&definition, Opening::Prepare, &events);
    assert_eq!((step.state.status, &step.commands[..]), (Status::Submitted, &[][..]));
    assert!(step.state.is_running());
}

#[test]
fn a_run_renews_its_lease_before_a_call_that_could_outlast_it() {
    let definition = definition(&["http://b/in", "http://c/in"], false, 0);
    let step = play(&definition, Opening::Submit, &[(11, answered(0, Answer::Success))]);
    assert_eq!(step.commands, [Command::Save, Command::Call(1)]);
    assert_eq!(step.state.due, at(11).after(definition.timing.lease()));
}

#[test]
fn a_repeated_submit_is_acknowledged_and_runs_nothing() {
    let definition = definition(&["http://b/in"], false, 0);
    let running = create(&definition, Opening::Submit, START).state;
    let waiting = play(&definition, Opening::Submit, &[(1, answered(0, Answer::Unknown))]).state;
    let elsewhere = State { run: Run::Idle, holder: Holder::Other("another".to_owned()), ..running.clone() };
    for state in [running, waiting, elsewhere] {
        // Even when it is due: then the first coordinator that asks takes it from the store.
        for second in [1, 60] {
            let again = step(&definition, &state, Event::Submit, at(second)).unwrap();
            assert_eq!((again.commands, again.state), (vec![Command::Accept], state.clone()));
        }
    }
}

#[test]
fn a_call_that_was_not_made_leaves_interval_and_attempts_unchanged() {
    let definition = definition(&["http://b/in"], false, 0);
    let not_made = Event::Answered { branch: 0, result: CallResult::NotMade, said: String::new() };
    let due = (2, Event::Due { until: at(62) });
    let step = play(&definition, Opening::Submit, &[(0, answered(0, Answer::Unknown)), due, (2, not_made)]);
    waits_until(&step, 4);
    assert_eq!((step.state.interval, step.state.branches[0].calls.attempts), (Duration::from_secs(2), 1));
    assert_eq!(step.commands, [Command::Save, Command::Report(RunEnd::Ongoing)]);
}

#[test]
fn each_branch_shows_its_attempts_its_last_answer_and_its_next_call() {
    let definition = definition(&["http://b/in", "http://c/in"], false, 0);
    let last = LastAnswer { answer: Answer::Unknown, http_status: Some(307) };
    let unclear = Event::Answered { branch: 1, result: CallResult::Made(last), said: String::new() };
    let events =
        [(0, answered(0, Answer::Success)), (1, unclear.clone()), (3, Event::Due { until: at(63) }), (3, unclear)];
    let state = play(&definition, Opening::Submit, &events).state;
    assert_eq!(state.branches[1].calls, Calls { attempts: 2, unclear: 2, last: Some(last) });
    assert_eq!(state.branches[0].calls.attempts, 1);
    assert_eq!((state.next_call(0), state.next_call(1)), (None, Some(at(7))));
}

#[test]
fn a_stop_gives_the_lease_back() {
    let step = play(&definition(&["http://b/in"], false, 0), Opening::Submit, &[(1, Event::Stop)]);
    assert_eq!(step.commands, [Command::Save, Command::Report(RunEnd::Unknown)]);
    waits_until(&step, 1);
}

#[test]
fn refusals_use_dtms_words() {
    let definition = definition(&[], false, 0);
    let state = create(&definition, Opening::Submit, START).state;
    assert_eq!(state.status, Status::Succeed, "no steps: succeeds at once");
    let refused = |event| step(&definition, &state, event, START).unwrap_err().to_string();
    assert_eq!(refused(Event::Prepare), "current status 'succeed', cannot prepare. FAILURE");
    assert_eq!(refused(Event::Submit), "current status 'succeed', cannot sumbmit. FAILURE");
    let abort = refused(Event::Abort { reason: String::new() });
    assert_eq!(abort, "trans type: 'msg' current status 'succeed', cannot abort. FAILURE");
    let stop = refused(Event::ForceStop);
    assert_eq!(stop, "global transaction force stop error. status: succeed. error: FAILURE");
}

#[test]
fn an_aborting_message_is_an_impossible_state() {
    let definition = definition(&["http://b/in"], false, 0);
    let state = State { status: Status::Aborting, ..create(&definition, Opening::Prepare, START).state };
    let error = step(&definition, &state, Event::Due { until: at(60) }, START).unwrap_err();
    assert_eq!(error, EngineError::Impossible { status: Status::Aborting, event: "due" });
}

fn any_event(branches: usize) -> impl Strategy<Value = Event> {
    let result = || {
        prop_oneof![
            Just(Answer::Success.into()),
            Just(Answer::Failure.into()),
            Just(Answer::Ongoing.into()),
            Just(Answer::Unknown.into()),
            Just(CallResult::NotMade),
        ]
    };
    prop_oneof![
        1 => Just(Event::Prepare),
        2 => Just(Event::Submit),
        1 => Just(Event::Abort { reason: "why".to_owned() }),
        1 => Just(Event::ForceStop),
        1 => Just(Event::ResetNextCronTime),
        1 => Just(Event::Stop),
        4 => any::<u32>().prop_map(|s| Event::Due { until: at(u64::from(s)) }),
        3 => result().prop_map(Event::Asked),
        6 => (0..=branches, result()).prop_map(|(branch, result)| Event::Answered { branch, result, said: String::new() }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn any_events_in_any_order_keep_the_invariants(
        urls in proptest::collection::vec(prop_oneof![Just(""), Just("http://b/in")], 0..4),
        concurrent: bool,
        delay_s in prop_oneof![Just(0_u64), Just(20), Just(u64::MAX)],
        submit: bool,
        events in proptest::collection::vec((any_event(4), 0_u64..40), 0..40),
    ) {
        let definition = definition(&urls, concurrent, delay_s);
        let opening = if submit { Opening::Submit } else { Opening::Prepare };
        let mut now = START;
        let first = create(&definition, opening, now);
        check_step(&definition, None, &first, now);
        let mut state = first.state;
        for (event, seconds) in events {
            now = now.after(Duration::from_secs(seconds));
            match step(&definition, &state, event, now) {
                Ok(next) => {
                    check_step(&definition, Some(&state), &next, now);
                    state = next.state;
                }
                Err(EngineError::NotAllowed(_)) => {}
                // Only answers of branches that were never called; only this test invents those.
                Err(EngineError::Impossible { event, .. }) => prop_assert_eq!(event, "answered"),
            }
        }
        prop_assert!(ends(&definition, state, now), "with willing branches every transaction ends");
    }
}

/// What holds after every step.
fn check_step(definition: &Definition, before: Option<&State>, step: &Transition, now: Time) {
    let Transition { state, commands, .. } = step;
    let calls = commands.iter().filter(|c| matches!(c, Command::Call(_))).count();
    if calls > 0 {
        assert_eq!(state.status, Status::Submitted, "branches are called of submitted messages only");
        assert!(now >= definition.created.after(definition.timing.delay), "and not before their delay is over");
        assert!(definition.concurrent || calls == 1, "one after another unless concurrent");
        assert!(now.until(state.due) > definition.timing.lease_min(), "with enough left of the lease");
    }
    if commands.contains(&Command::Ask) {
        assert_eq!(state.status, Status::Prepared);
    }
    for command in commands {
        if let Command::Call(index) = command {
            assert!(!state.branches[*index].is_done(), "what is done is never called again");
        }
    }
    let durable = |state: &State| {
        (state.status, state.branches.iter().map(|branch| branch.status).collect::<Vec<_>>(), state.ended)
    };
    let saves = commands.first() == Some(&Command::Save);
    match before {
        None => assert!(saves),
        Some(before) => {
            assert!(!before.status.is_final() || durable(before) == durable(state), "the end is the end");
            if before.status != state.status {
                assert!(saves, "a status is durable before anything else happens");
            }
            for (before, after) in before.branches.iter().zip(&state.branches) {
                assert!(!before.is_done() || before.status == after.status, "what is done stays done");
            }
            let recorded = saves || commands.first() == Some(&Command::Record);
            for (branch, (before, after)) in definition.branches.iter().zip(before.branches.iter().zip(&state.branches))
            {
                // Branches without an address are done without a call, and are written with the next save.
                assert!(
                    recorded || before.status == after.status || branch.url.is_empty(),
                    "progress goes to the store"
                );
            }
        }
    }
    let all_done = state.branches.iter().all(BranchState::is_done);
    assert!(state.status != Status::Succeed || all_done, "succeed means that all was applied");
    assert_eq!(state.status.is_final(), state.ended.is_some());
    assert!(!state.is_running() || state.holder == Holder::Us, "only the holder runs it");
    assert!(state.interval > Duration::ZERO, "no hot loop");
}

/// Runs a transaction to its end; all its branches succeed.
fn ends(definition: &Definition, mut state: State, mut now: Time) -> bool {
    if state.is_running() {
        state = step(definition, &state, Event::Stop, now).expect("a run can be stopped").state;
    }
    for _ in 0..2 * definition.branches.len() + 4 {
        if state.status.is_final() {
            return true;
        }
        now = now.max(state.due);
        let mut next = step(definition, &state, Event::Due { until: now.after(Duration::from_mins(1)) }, now);
        while let Ok(Transition { state: after, commands, .. }) = next {
            state = after;
            let Some(call) = commands.into_iter().find(|c| matches!(c, Command::Ask | Command::Call(_))) else { break };
            let open: Vec<_> = match &state.run {
                Run::Calling { open, .. } => open.iter().copied().collect(),
                Run::Idle | Run::Asking => Vec::new(),
            };
            next = if call == Command::Ask {
                step(definition, &state, Event::Asked(Answer::Success.into()), now)
            } else {
                open[1..].iter().for_each(|branch| {
                    state =
                        step(definition, &state, answered(*branch, Answer::Success), now).expect("it is open").state;
                });
                step(definition, &state, answered(open[0], Answer::Success), now)
            };
        }
    }
    state.status.is_final()
}
