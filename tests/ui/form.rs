//! The form of what is shown for a mistake: one error, short, in the words of the docs.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rules, as their folders are named.
pub(crate) const RULES: [&str; 14] = [
    "attribute",
    "contract",
    "database",
    "message",
    "outcome",
    "path",
    "payload",
    "role",
    "saga",
    "signature",
    "silent",
    "tcc",
    "transaction",
    "url",
];

/// What is shown fits half a screen.
const LINES_MAX: usize = 20;

/// The median is far below it.
const LINES_MEDIAN_MAX: usize = 12;

/// Cases that are not in this form, and why not.
const EXCEPTIONS: [(&str, &str); 22] = [
    ("signature/several_mistakes", "several mistakes are what it shows: all of them, in one pass"),
    ("saga/several_mistakes", "several mistakes are what it shows: all of them, in one pass"),
    ("saga/swapped_halves", "two functions have a wrong attribute, and each is told so"),
    ("tcc/swapped_halves", "two functions have a wrong attribute, and each is told so"),
    (
        "tcc/closure_without_a_result",
        "rustc tells a bound of an async call again for its future, and where it is awaited",
    ),
    (
        "tcc/closure_returns_nothing",
        "rustc tells a bound of an async call again for its future, and where it is awaited",
    ),
    ("signature/associated_function", "no macro sees that it stands in an impl, where rustc wants no struct beside it"),
    ("database/tx_of_no_database", "rustc tells a bound of an async function's argument again for its future"),
    ("database/tx_of_a_pool", "rustc tells a bound of an async function's argument again for its future"),
    ("role/another_type_at", "rustc tells a bound again where a function's return type is made of it"),
    ("attribute/module_of_the_same_name", "rustc adds that a struct was found where the module was meant"),
    ("attribute/service_on_a_file", "rustc itself refuses attributes on modules in files, in words of its own"),
    ("attribute/branch_that_is_none", "router, remote and routes each ask it for what it is not"),
    ("transaction/function_of_another_database", "rustc tells a bound of an async call again for its future"),
    ("transaction/closure_for_another_database", "rustc tells a bound of an async call again for its future"),
    ("database/closure_not_async", "rustc tells a bound of an async call again for its future"),
    ("message/moved_and_repeated", "rustc shows the bound that asks for repetition, and proposes a clone"),
    ("message/async_block", "rustc tells a bound of an async call again for its future"),
    ("signature/misspelt_database", "rustc proposes a type parameter where one can stand, and so tells it twice"),
    ("role/as_axum_handler", "axum's own text of what is no handler"),
    ("signature/payload_with_lifetime", "rustc tells of serde's bound again where the payload is read back"),
    ("signature/payload_not_send", "rustc tells each place where a value goes to another thread"),
];

/// What a text may name besides the program's own words and Branchwire's public items: words of Rust and of the crates
/// that a service uses, which a reader has written or is told to write.
#[rustfmt::skip]
const KNOWN: [&str; 34] = [
    // Rust's, with a word that it starts a sentence with.
    "AsyncFnOnce", "Box", "Cargo", "Clone", "Copy", "Duration", "Err", "Error", "From", "Future", "Into", "IntoFuture", "Nightly", "Option",
    "Output", "Pin", "Result", "Send", "String",
    // axum's, serde's and sqlx's.
    "Body", "Deserialize", "FromRef", "FromRequestParts", "MySqlPool", "PgPool", "Pool", "Serialize", "Sqlite", "SqlitePool",
    // What `#[service]` writes, and the name in an example.
    "Bank", "Branchwire", "Contract", "Remote",
    // How a barrier answers query-prepared; named only behind the sentence that says what is wrong.
    "AskBarrier",
];

struct Shown {
    case: String,
    program: String,
    text: String,
}

impl Shown {
    fn errors(&self) -> usize {
        self.text.lines().filter(|line| line.starts_with("error")).count()
    }

    fn warnings(&self) -> usize {
        self.text.lines().filter(|line| line.starts_with("warning")).count()
    }

    fn lines(&self) -> usize {
        self.text.lines().count()
    }

    fn is_exception(&self) -> bool {
        EXCEPTIONS.iter().any(|(case, _)| *case == self.case)
    }

    /// What is not in the form, if anything.
    fn mistake(&self) -> Option<String> {
        if self.errors() != 1 {
            return Some(format!("{} errors", self.errors()));
        }
        if self.warnings() != 0 {
            return Some(format!("{} warnings", self.warnings()));
        }
        if self.lines() > LINES_MAX {
            return Some(format!("{} lines", self.lines()));
        }
        let is_hidden = |word: &&str| word.starts_with("__") && word.contains(char::is_alphabetic);
        if let Some(word) = words(&self.text).find(is_hidden) {
            return Some(format!("the hidden name `{word}`"));
        }
        let strangers = self.strangers();
        (!strangers.is_empty()).then(|| format!("names that a reader has not met: {strangers:?}"))
    }

    /// The types and traits that are neither the program's own, nor public in Branchwire, nor known otherwise.
    fn strangers(&self) -> BTreeSet<&str> {
        let own: HashSet<_> = words(&self.program).collect();
        let public = public_items();
        self.said()
            .flat_map(words)
            .filter(|word| is_type(word))
            .filter(|word| !own.contains(word) && !public.contains(*word) && !KNOWN.contains(word))
            .collect()
    }

    /// The lines in which rustc speaks, without those of the sources that it shows.
    fn said(&self) -> impl Iterator<Item = &str> {
        let mut of_another_file = false;
        self.text.lines().map(str::trim_start).filter(move |line| {
            if let Some(place) = line.strip_prefix("--> ").or_else(|| line.strip_prefix("::: ")) {
                of_another_file = place.starts_with('$');
            } else if !line.starts_with('|') {
                of_another_file = false;
            }
            !of_another_file && !line.starts_with(|first: char| first.is_ascii_digit())
        })
    }
}

fn cases() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cases = Vec::new();
    for rule in RULES {
        for entry in fs::read_dir(root.join(rule)).expect("a folder of this rule") {
            let path = entry.expect("readable").path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.file_stem().expect("a name").to_string_lossy();
                cases.push((format!("{rule}/{name}"), path));
            }
        }
    }
    cases.sort();
    cases
}

/// What `branchwire` exports; that each has docs, the compiler sees to.
fn public_items() -> HashSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtime/src");
    let read = |file| fs::read_to_string(root.join(file)).expect("readable");
    let crate_root = read("lib.rs");
    let patterns =
        [read("pattern/msg.rs"), read("pattern/saga.rs"), read("pattern/tcc.rs"), read("pattern/tcc/outcome.rs")]
            .concat();
    let (public, _hidden) = crate_root.split_once("mod __private").expect("what generated code names");
    // An attribute may stand before it.
    let is_export = |item: &&str| item.lines().any(|line| line.trim_start().starts_with("pub use"));
    let exports = public.split(';').filter(is_export).flat_map(words);
    let is_type = |line: &&str| line.starts_with("pub struct") || line.starts_with("pub enum");
    exports.chain(patterns.lines().filter(is_type).flat_map(words)).map(str::to_owned).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

/// Whether it is written like a type: an upper-case letter first, and a lower-case one.
fn is_type(word: &str) -> bool {
    word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase)
}

fn shown() -> Vec<Shown> {
    let read = |(case, path): (String, PathBuf)| {
        let text = fs::read_to_string(path.with_extension("stderr"))
            .unwrap_or_else(|_| panic!("{case} has no .stderr: run with TRYBUILD=overwrite, and read it"));
        let program = fs::read_to_string(path).expect("readable");
        Shown { case, program, text }
    };
    cases().into_iter().map(read).collect()
}

#[test]
fn each_case_says_its_mistake_first() {
    for (case, path) in cases() {
        let text = fs::read_to_string(path).expect("readable");
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("// ") && first.ends_with('.'), "{case}: {first}");
    }
}

#[test]
fn one_mistake_is_one_short_error_in_public_words() {
    let shown = shown();
    assert!(shown.len() >= 110, "{} cases", shown.len());
    let wrong: Vec<_> = shown
        .iter()
        .filter(|shown| !shown.is_exception())
        .filter_map(|shown| Some(format!("{}: {}", shown.case, shown.mistake()?)))
        .collect();
    assert!(wrong.is_empty(), "not in the form:\n{}", wrong.join("\n"));
    let mut lines: Vec<_> = shown.iter().map(Shown::lines).collect();
    lines.sort_unstable();
    let median = lines[lines.len() / 2];
    assert!(median <= LINES_MEDIAN_MAX, "the median is {median} lines");
}

#[test]
fn no_exception_is_one_in_name_only() {
    let shown = shown();
    for (case, reason) in EXCEPTIONS {
        let shown = shown.iter().find(|shown| shown.case == case);
        let shown = shown.unwrap_or_else(|| panic!("no case {case}"));
        assert!(shown.mistake().is_some(), "{case} is in the form after all; it was excused because {reason}");
    }
}

/// The code in a text of Markdown: `` `..` `` and ``` ``..`` ```.
fn code(text: &str) -> Vec<String> {
    let mut code = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('`') {
        let ticks = rest[start..].chars().take_while(|c| *c == '`').count();
        let inner = &rest[start + ticks..];
        let end = inner.find(&"`".repeat(ticks)).expect("code that ends");
        code.push(inner[..end].trim().to_owned());
        rest = &inner[end + ticks..];
    }
    code
}

/// What the guide quotes from the compiler, row by row.
fn quoted() -> Vec<(String, Vec<String>)> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtime/docs/compile_errors.md");
    let guide = fs::read_to_string(guide).expect("the guide");
    // The tables of mistakes have three columns; others say what happens at run time.
    let says = |row: &str| match row.strip_prefix("| ")?.split(" | ").collect::<Vec<_>>()[..] {
        ["mistake", ..] => None,
        [_, says, _] => Some((row.to_owned(), code(says))),
        _ => None,
    };
    guide.lines().filter_map(says).collect()
}

#[test]
fn the_guide_quotes_what_the_compiler_says() {
    let (shown, quoted) = (shown(), quoted());
    assert!(quoted.len() >= 80, "{} rows", quoted.len());
    for (row, texts) in quoted {
        for text in texts {
            assert!(shown.iter().any(|shown| shown.text.contains(&text)), "no case shows `{text}`: {row}");
        }
    }
}

#[test]
fn each_error_is_in_the_guide() {
    let quoted = quoted();
    let is_quoted = |shown: &Shown| quoted.iter().flat_map(|(_, texts)| texts).any(|text| shown.text.contains(text));
    let missing: Vec<_> = shown().into_iter().filter(|shown| !is_quoted(shown)).map(|shown| shown.case).collect();
    assert!(missing.is_empty(), "the guide quotes no line of:\n{}", missing.join("\n"));
}
