//! The rules of a pair: an action and its compensation.
//!
//! In a service the names tell most. What the types are, and a pair outside of a service, the compiler finds out.

use std::collections::{HashMap, HashSet};

use syn::{Ident, Path};

use crate::errors::Errors;
use crate::model::{Branch, Half, Member, Pair, Role};
use crate::parse::{self, Options};
use crate::tokens::text;

/// The pair that the options of a function name.
pub(crate) fn pair(role: &Role, options: &Options, name: &Ident, errors: &mut Errors) -> Pair {
    match role.half {
        None => Pair::Alone,
        Some(Half::First) if options.flag("nothing_to_undo").is_some() => Pair::NothingToUndo,
        Some(Half::First) => Pair::First,
        Some(Half::Second) => {
            let of = options.path("of").cloned();
            if of.is_none() && !options.has_mistakes {
                errors.push(
                    name,
                    format_args!("`{name}` does not say which action it undoes: write `#[saga_compensate(of = book)]`"),
                );
            }
            Pair::Second(of)
        }
    }
}

/// The pairs of a service. If one has a mistake, no action is reported as one without a compensation as well.
pub(crate) fn pairs(members: &mut [Member], errors: &mut Errors) {
    let mut mistakes = Errors::default();
    let roles: HashMap<Ident, (&'static Role, bool)> = members
        .iter()
        .filter_map(|member| match member {
            Member::Branch(branch) => {
                Some((branch.name.clone(), (branch.role, matches!(branch.pair, Pair::NothingToUndo))))
            }
            Member::Elsewhere { .. } => None,
        })
        .collect();
    // Also by a compensation under `#[cfg]`.
    let mut compensated: HashSet<Ident> = HashSet::new();
    let mut undone: HashMap<Ident, Ident> = HashMap::new();
    let mut is_whole = true;
    for branch in branches(members) {
        let Pair::Second(of) = &mut branch.pair else { continue };
        let Some(action) = of.as_ref().and_then(|of| action(&branch.name, of, &roles, &mut mistakes)) else {
            is_whole = false;
            *of = None;
            continue;
        };
        compensated.insert(action.clone());
        // Two under `#[cfg]` may never be there together: then rustc compares them.
        if !branch.carried.cfgs.is_empty() {
            continue;
        }
        if let Some(first) = undone.insert(action.clone(), branch.name.clone()) {
            mistakes
                .push(&*of, format_args!("`{first}` and `{}` both undo `{action}`: remove one of them", branch.name));
            *of = None;
        }
    }
    if !is_whole {
        for branch in branches(members) {
            if matches!(branch.pair, Pair::First) && !compensated.contains(&branch.name) {
                branch.pair = Pair::NothingToUndo;
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

/// The action of the service that `of` names.
fn action(
    name: &Ident,
    of: &Path,
    roles: &HashMap<Ident, (&'static Role, bool)>,
    errors: &mut Errors,
) -> Option<Ident> {
    let Some(action) = of.get_ident() else {
        errors.push(
            of,
            format_args!("`{name}` undoes an action of its own service: write its name, not the path `{}`", text(of)),
        );
        return None;
    };
    match roles.get(action) {
        Some((role, false)) if role.half == Some(Half::First) => Some(action.clone()),
        Some((role, true)) if role.half == Some(Half::First) => {
            errors.push(
                of,
                format_args!("`{action}` says that it has nothing to undo: remove `nothing_to_undo`, or `{name}`"),
            );
            None
        }
        Some((role, _)) => {
            errors.push(of, format_args!("`{action}` is {}, and only a `#[saga_action]` is compensated", role.noun));
            None
        }
        None => {
            let actions = roles.iter().filter(|(_, (role, _))| role.half == Some(Half::First));
            let names: Vec<String> = actions.map(|(name, _)| name.to_string()).collect();
            let meant = parse::did_you_mean(&action.to_string(), names.iter().map(String::as_str));
            let advice = meant.map(|name| format!(": did you mean `{name}`?")).unwrap_or_default();
            errors.push(of, format_args!("this service has no action `{action}`{advice}"));
            None
        }
    }
}
