//! What must not compile, and how that is said; what must compile, and quietly.
//!
//! A folder holds the cases of one rule, one mistake a file: its first line says which, the `.stderr` beside it what
//! rustc shows for it. After a change of a message run with `TRYBUILD=overwrite`, and read the difference as someone who
//! made the mistake.

mod form;
mod pass;

#[test]
fn what_is_wrong_does_not_compile_and_says_why() {
    let cases = trybuild::TestCases::new();
    for rule in form::RULES {
        cases.compile_fail(format!("{rule}/*.rs"));
    }
}
