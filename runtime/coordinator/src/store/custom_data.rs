//! The column `custom_data`: a client's settings of its transaction, in the form of its pattern.

use std::collections::BTreeMap;

use branchwire_protocol::TransType;
use serde::Deserialize;

/// The settings of a transaction.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CustomData {
    /// Delay before a message's branches are called, in seconds.
    pub(crate) delay_s: u64,
    /// For each step of a saga, the steps that come before it.
    pub(crate) predecessors: Vec<Vec<usize>>,
}

/// A message's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Msg {
    delay: u64,
}

/// A saga's. Steps count from 0.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Saga {
    /// Whether steps run at once unless `orders` says otherwise.
    concurrent: bool,
    /// For a step, the steps that come before it.
    orders: BTreeMap<usize, Vec<usize>>,
}

impl CustomData {
    /// Parses it for a transaction with this many steps; an empty text has the defaults.
    pub(crate) fn parse(trans_type: TransType, custom_data: &str, steps: usize) -> Result<Self, String> {
        match trans_type {
            TransType::Msg => Ok(Self { delay_s: read::<Msg>(custom_data)?.delay, ..Self::default() }),
            TransType::Saga => {
                Ok(Self { predecessors: read::<Saga>(custom_data)?.predecessors(steps)?, ..Self::default() })
            }
            TransType::Tcc | TransType::Xa | TransType::Workflow => Ok(Self::default()),
        }
    }
}

fn read<T: for<'de> Deserialize<'de> + Default>(custom_data: &str) -> Result<T, String> {
    if custom_data.is_empty() { Ok(T::default()) } else { serde_json::from_str(custom_data).map_err(|e| e.to_string()) }
}

impl Saga {
    fn predecessors(self, steps: usize) -> Result<Vec<Vec<usize>>, String> {
        let mut predecessors: Vec<Vec<usize>> =
            (0..steps).map(|step| step.checked_sub(1).filter(|_| !self.concurrent).into_iter().collect()).collect();
        for (step, before) in self.orders {
            let of_step = predecessors.get_mut(step).ok_or_else(|| no_step(step, steps))?;
            for before in before {
                if before >= steps {
                    return Err(no_step(before, steps));
                }
                if !of_step.contains(&before) {
                    of_step.push(before);
                }
            }
        }
        match in_circle(&predecessors) {
            Some(step) => Err(format!("orders: step {step} waits for itself, by way of others or directly")),
            None => Ok(predecessors),
        }
    }
}

fn no_step(step: usize, steps: usize) -> String {
    format!("orders: there is no step {step}; the {steps} steps count from 0")
}

/// A step that would never be called, since it waits for itself.
fn in_circle(predecessors: &[Vec<usize>]) -> Option<usize> {
    let mut waits_for: Vec<usize> = predecessors.iter().map(Vec::len).collect();
    let mut successors = vec![Vec::new(); predecessors.len()];
    for (step, before) in predecessors.iter().enumerate() {
        for before in before {
            successors[*before].push(step);
        }
    }
    let mut ready: Vec<usize> = (0..predecessors.len()).filter(|step| waits_for[*step] == 0).collect();
    while let Some(step) = ready.pop() {
        for next in &successors[step] {
            waits_for[*next] -= 1;
            if waits_for[*next] == 0 {
                ready.push(*next);
            }
        }
    }
    waits_for.iter().position(|waits_for| *waits_for > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(custom_data: &str, steps: usize) -> Result<Vec<Vec<usize>>, String> {
        CustomData::parse(TransType::Saga, custom_data, steps).map(|custom_data| custom_data.predecessors)
    }

    #[test]
    fn the_steps_of_a_saga_run_in_their_order_or_in_the_one_that_is_given() {
        for (custom_data, expected) in [
            ("", vec![vec![], vec![0], vec![1]]),
            (r#"{"orders":{"2":[0,1]}}"#, vec![vec![], vec![0], vec![1, 0]]),
            (r#"{"concurrent":true}"#, vec![vec![]; 3]),
            (r#"{"concurrent":true,"orders":{"2":[0,1,0],"0":[]}}"#, vec![vec![], vec![], vec![0, 1]]),
        ] {
            assert_eq!(order(custom_data, 3), Ok(expected), "{custom_data}");
        }
        assert_eq!(order("", 0), Ok(vec![]));
    }

    #[test]
    fn an_order_that_could_never_be_carried_out_is_refused() {
        for (custom_data, says) in [
            ("{", "EOF"),
            (r#"{"concurrent":true,"orders":{"1":"0"}}"#, "invalid type"),
            (r#"{"concurrent":true,"orders":{"1":[7]}}"#, "no step 7"),
            (r#"{"concurrent":true,"orders":{"9":[0]}}"#, "no step 9"),
            (r#"{"concurrent":true,"orders":{"1":[-1]}}"#, "invalid value"),
            (r#"{"concurrent":true,"orders":{"1":[1]}}"#, "step 1 waits for itself"),
            (r#"{"concurrent":true,"orders":{"0":[1],"1":[0]}}"#, "waits for itself"),
            (r#"{"orders":{"0":[1]}}"#, "waits for itself"),
        ] {
            let error = order(custom_data, 2).unwrap_err();
            assert!(error.contains(says), "{custom_data}: {error}");
        }
    }

    #[test]
    fn the_custom_data_of_other_patterns_is_read_in_their_words() {
        let msg = |text| CustomData::parse(TransType::Msg, text, 1).map(|custom_data| custom_data.delay_s);
        assert_eq!((msg(r#"{"delay":3}"#), msg("")), (Ok(3), Ok(0)));
        assert!(msg("{").is_err());
        assert_eq!(CustomData::parse(TransType::Workflow, "any text", 0), Ok(CustomData::default()));
    }
}
