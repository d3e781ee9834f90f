//! Tokens to syntax: an attribute's options, a function's signature. A body is never parsed.

mod carried;
mod function;
mod item;
mod module;
mod options;

pub(crate) use carried::{carried, is_builtin, is_marker, mentions_role, other_pattern_of, role_of, split_roles, take};
pub(crate) use function::{Body, Function};
pub(crate) use item::{head, kind};
pub(crate) use module::{Item, Module, content, items};
pub(crate) use options::{Accepted, Options};

/// The name in `names` that is nearly this one: one that a typo leads to.
pub(crate) fn did_you_mean<'a>(typed: &str, names: &[&'a str]) -> Option<&'a str> {
    names
        .iter()
        .map(|name| (distance(typed, name), *name))
        .filter(|(far, name)| *far <= name.len() / 3)
        .min()
        .map(|(_, name)| name)
}

/// How many letters to insert, remove or replace (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.chars().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[row.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_leads_to_the_name_and_another_word_does_not() {
        assert_eq!(did_you_mean("no_paylod", &["crate", "no_payload"]), Some("no_payload"));
        assert_eq!(did_you_mean("crates", &["crate", "no_payload"]), Some("crate"));
        assert_eq!(did_you_mean("timeout", &["crate", "no_payload"]), None);
    }
}
