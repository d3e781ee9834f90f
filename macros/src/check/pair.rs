//! The rules of a pair: an action and its compensation; a try, its confirm and its cancel.
//!
//! In a service the names tell most. What the types are, and a pair outside of a service, the compiler finds out.

use std::collections::{HashMap, HashSet};

use syn::{Ident, Path, Type};

use crate::errors::Errors;
use crate::model::{Branch, First, Half, Known, Member, Pair, Role, Second};
use crate::parse::{self, Options};
use crate::tokens::text;

/// The pair that the options of a function name.
pub(crate) fn pair(role: &Role, options: &Options, name: &Ident, errors: &mut Errors) -> Pair {
    match role.half {
        None => Pair::Alone,
        Some(Half::First(First { seconds, excuse, .. })) => {
            let excused = excuse.is_some_and(|excuse| options.flag(excuse).is_some());
            Pair::First { without: if excused { seconds.to_vec() } else { Vec::new() } }
        }
        Some(Half::Second(Second { does, usage, .. })) => {
            let of = options.path("of").cloned();
            if of.is_none() && !options.has_mistakes {
                let first = first_of(role);
                errors
                    .push(name, format_args!("`{name}` does not say which {} it {does}: write `{usage}`", first.noun));
            }
            Pair::Second(of)
        }
    }
}

/// What the first function of this role's pairs is.
fn first_of(role: &Role) -> &'static First {
    role.second().and_then(|second| second.of.first()).expect("the table pairs a second function with a first one")
}

/// A function of a service, as the second ones see it.
struct Found {
    role: &'static Role,
    /// Which second ones it does without.
    without: Vec<&'static str>,
    payload: Option<Type>,
    /// What it returns.
    value: Option<Type>,
}

impl Found {
    fn new(branch: &Branch) -> Self {
        let without = match &branch.pair {
            Pair::First { without } => without.iter().map(|role| role.attribute).collect(),
            Pair::Alone | Pair::Second(_) => Vec::new(),
        };
        let Known { payload, value, .. } = &branch.known;
        Self { role: branch.role, without, payload: payload.clone(), value: value.clone() }
    }

    /// Whether a function of this role may be its second one.
    fn is_first_of(&self, role: &Role) -> bool {
        role.second().is_some_and(|second| second.of.attribute == self.role.attribute)
    }

    /// Whether it needs a function of this role.
    fn needs(&self, role: &Role) -> bool {
        self.is_first_of(role) && !self.without.contains(&role.attribute)
    }
}

/// The functions of a service, by their names.
type Functions = HashMap<Ident, Found>;

/// The pairs of a service. If one has a mistake, no first function is reported as one without its second as well. A host
/// that lacks one is told so by its contract.
pub(crate) fn pairs(members: &mut [Member], is_host: bool, errors: &mut Errors) {
    let mut mistakes = Errors::default();
    let functions: Functions = branches(members).map(|branch| (branch.name.clone(), Found::new(branch))).collect();
    // Also by a second function under `#[cfg]`.
    let mut paired: HashSet<(Ident, &str)> = HashSet::new();
    let mut seconds: HashMap<(Ident, &str), Ident> = HashMap::new();
    let mut broken: HashSet<&str> = HashSet::new();
    // In a host, those whose `of` names no function: the first one may be missing.
    let mut strays: Vec<(&Role, Path)> = Vec::new();
    for branch in branches(members) {
        let (role, name) = (branch.role, branch.name.clone());
        let Pair::Second(of) = &mut branch.pair else { continue };
        if is_host && let Some(stray) = of.take_if(|of| of.get_ident().is_some_and(|of| !functions.contains_key(of))) {
            strays.push((role, stray));
            continue;
        }
        let Some(first) = of.as_ref().and_then(|of| first(role, &name, of, &functions, &mut mistakes)) else {
            broken.insert(role.attribute);
            *of = None;
            continue;
        };
        paired.insert((first.clone(), role.attribute));
        takes_as_kept(branch, &first, &functions[&first], &mut mistakes);
        // Two under `#[cfg]` may never be there together: then rustc compares them.
        if !branch.carried.cfgs.is_empty() {
            continue;
        }
        if let Some(other) = seconds.insert((first.clone(), role.attribute), name.clone())
            && let Pair::Second(of) = &mut branch.pair
        {
            let both = role.second().map_or("", |second| second.both);
            mistakes.push(&*of, format_args!("`{other}` and `{name}` both {both} `{first}`: remove one of them"));
            *of = None;
        }
    }
    for (role, of) in strays {
        // If each first one is in a pair, the missing one is in the contract, and rustc says so.
        if functions.iter().any(|(name, found)| found.needs(role) && !paired.contains(&(name.clone(), role.attribute)))
        {
            no_first(role, &of, &functions, &mut mistakes);
        }
    }
    for branch in branches(members) {
        let Pair::First { without } = &mut branch.pair else { continue };
        let Some(First { seconds, .. }) = branch.role.first() else { continue };
        for second in *seconds {
            let is_told = is_host || broken.contains(second.attribute);
            let is_there = paired.contains(&(branch.name.clone(), second.attribute))
                || without.iter().any(|role| role.attribute == second.attribute);
            if is_told && !is_there {
                without.push(second);
            }
        }
    }
    errors.append(mistakes);
}

fn branches(members: &mut [Member]) -> impl Iterator<Item = &mut Branch> {
    members.iter_mut().filter_map(|member| match member {
        Member::Branch(branch) => Some(branch),
        Member::Elsewhere { .. } => None,
    })
}

/// The value of the first function comes as `Kept`. Without that word it would be the payload, and the payload an
/// extractor.
fn takes_as_kept(branch: &mut Branch, first: &Ident, found: &Found, errors: &mut Errors) {
    let (is_remote, known) = (branch.is_remote, &mut branch.known);
    let Some(bare) = known.payload.take_if(|payload| {
        let payload = Some(&*payload);
        let is_value = known.kept.is_none() && found.value.as_ref() == payload && found.payload.as_ref() != payload;
        is_value && !is_remote
    }) else {
        return;
    };
    let bare_text = text(&bare);
    errors.push(&bare, format_args!("`{bare_text}` is what `{first}` returned: write `Kept<{bare_text}>`"));
    known.payload.clone_from(&found.payload);
    branch.call = None;
}

/// The first function of the service that `of` names.
fn first(role: &Role, name: &Ident, of: &Path, functions: &Functions, errors: &mut Errors) -> Option<Ident> {
    let Second { of: expected, does, done, .. } = role.second()?;
    let noun = first_of(role).noun;
    let Some(first) = of.get_ident() else {
        let article = if noun.starts_with('a') { "an" } else { "a" };
        errors.push(
            of,
            format_args!(
                "`{name}` {does} {article} {noun} of its own service: write its name, not the path `{}`",
                text(of)
            ),
        );
        return None;
    };
    match functions.get(first) {
        Some(Found { role: found, without, .. }) if found.attribute == expected.attribute => {
            if !without.contains(&role.attribute) {
                return Some(first.clone());
            }
            errors.push(
                of,
                format_args!("`{first}` says that it has nothing to undo: remove `nothing_to_undo`, or `{name}`"),
            );
        }
        Some(Found { role: found, .. }) => {
            errors.push(of, format_args!("`{first}` is {}, and only a `{expected}` is {done}", found.noun));
        }
        None => no_first(role, of, functions, errors),
    }
    None
}

/// Reports `of` that names no function.
fn no_first(role: &Role, of: &Path, functions: &Functions, errors: &mut Errors) {
    let (noun, written) = (first_of(role).noun, text(of));
    let firsts = functions.iter().filter(|(_, found)| found.is_first_of(role));
    let names: Vec<String> = firsts.map(|(name, _)| name.to_string()).collect();
    let meant = parse::did_you_mean(&written, names.iter().map(String::as_str));
    let advice = meant.map(|name| format!(": did you mean `{name}`?")).unwrap_or_default();
    errors.push(of, format_args!("this service has no {noun} `{written}`{advice}"));
}
