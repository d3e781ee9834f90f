//! The form of what is shown for a mistake: one error, short, in the words of the docs.

use std::fs;
use std::path::{Path, PathBuf};

/// The rules, as their folders are named.
pub(crate) const RULES: [&str; 12] = [
    "attribute",
    "contract",
    "database",
    "message",
    "outcome",
    "path",
    "payload",
    "role",
    "signature",
    "silent",
    "transaction",
    "url",
];

/// What is shown fits half a screen.
const LINES_MAX: usize = 20;

/// The median is far below it.
const LINES_MEDIAN_MAX: usize = 12;

/// Cases that are not in this form, and why not.
const EXCEPTIONS: [(&str, &str); 11] = [
    ("signature/several_mistakes", "several mistakes are what it shows: all of them, in one pass"),
    ("signature/associated_function", "no macro sees that it stands in an impl, where rustc wants no struct beside it"),
    ("database/tx_of_no_database", "rustc tells a bound of an async function's argument again for its future"),
    ("database/tx_of_a_pool", "rustc tells a bound of an async function's argument again for its future"),
    ("role/another_type_at", "rustc tells a bound again where a function's return type is made of it"),
    ("attribute/module_of_the_same_name", "rustc adds that a struct was found where the module was meant"),
    ("attribute/service_on_a_file", "rustc itself refuses attributes on modules in files, in words of its own"),
    (
        "transaction/branch_not_in_the_state",
        "rustc shows the whole way from a branch to its state; `router()` does not",
    ),
    ("transaction/branch_not_in_a_state_of_several", "rustc shows the whole way from a branch to its state"),
    ("transaction/extractor_not_in_the_state", "rustc shows the whole way from a branch to its state"),
    ("signature/no_extractor", "rustc shows the whole way from a branch to its state"),
];

/// The traits that may be shown: public, documented, and named as a sentence would.
const TRAITS: [&str; 15] = [
    "Branch",
    "Clone",
    "Contract",
    "Database",
    "DatabasePool",
    "Decides",
    "Error",
    "Extracts",
    "FromRef",
    "Holds",
    "Hosted",
    "MustSucceed",
    "Payload",
    "Send",
    "SendPayload",
];

/// Words of generated code: none is for the user.
const HIDDEN: [&str; 8] =
    ["__private", "__branchwire", "__Branchwire", "AnyState", "BranchFn", "QueryPreparedFn", "Probe", "ExtractsAll"];

struct Shown {
    case: String,
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
        if let Some(word) = HIDDEN.iter().find(|word| self.text.contains(*word)) {
            return Some(format!("the hidden word `{word}`"));
        }
        self.traits()
            .into_iter()
            .find(|name| !TRAITS.contains(&name.as_str()))
            .map(|name| format!("the trait `{name}`"))
    }

    /// The last words of the traits' names.
    fn traits(&self) -> Vec<String> {
        let after = self.text.split("trait `").skip(1).filter_map(|rest| rest.split('`').next());
        after
            .map(|name| {
                let name = name.strip_prefix("for<'payload> ").unwrap_or(name);
                let path = name.split('<').next().unwrap_or(name);
                path.rsplit("::").next().unwrap_or(path).to_owned()
            })
            .collect()
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

fn shown() -> Vec<Shown> {
    let read = |(case, path): (String, PathBuf)| {
        let text = fs::read_to_string(path.with_extension("stderr"))
            .unwrap_or_else(|_| panic!("{case} has no .stderr: run with TRYBUILD=overwrite, and read it"));
        Shown { case, text }
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

#[test]
fn the_guide_says_what_the_compiler_says() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtime/docs/guide.md");
    let guide = fs::read_to_string(guide).expect("the guide");
    let shown = shown();
    let mut quoted = 0;
    for row in guide.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| mistake")) {
        let says = row.split(" | ").nth(1).expect("three columns");
        for code in code(says) {
            assert!(shown.iter().any(|shown| shown.text.contains(&code)), "no case shows `{code}`: {row}");
            quoted += 1;
        }
    }
    assert!(quoted >= 50, "{quoted} texts");
}
