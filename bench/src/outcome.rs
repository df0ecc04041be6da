//! The results of several runs of one case.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::case::Case;
use crate::measured::Measured;

/// A case and its rounds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) case: Case,
    pub(crate) label: String,
    pub(crate) rounds: Vec<Measured>,
}

impl Outcome {
    pub(crate) fn new(case: Case) -> Self {
        Self {
            label: case.to_string(),
            case,
            rounds: Vec::new(),
        }
    }

    /// The median of each figure over the rounds, in the order of the first round.
    pub(crate) fn medians(&self) -> Vec<(String, f64)> {
        let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (name, value) in self.rounds.iter().flat_map(Measured::figures) {
            values.entry(name).or_default().push(*value);
        }
        let first = self
            .rounds
            .first()
            .map(Measured::figures)
            .unwrap_or_default();
        first
            .iter()
            .filter_map(|(name, _)| Some((name.clone(), median(values.remove(name.as_str())?))))
            .collect()
    }

    pub(crate) fn median(&self, name: &str) -> Option<f64> {
        let values: Vec<f64> = self
            .rounds
            .iter()
            .filter_map(|round| round.get(name))
            .collect();
        (!values.is_empty()).then(|| median(values))
    }

    /// The latency curve of the middle round.
    pub(crate) fn curve(&self) -> &[(f64, f64)] {
        let middle = self.rounds.get(self.rounds.len() / 2);
        middle
            .map(|round| round.curve.as_slice())
            .unwrap_or_default()
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    f64::midpoint(at(low), at(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle_or_between_the_two() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 9.0]), 3.0);
        assert_eq!(median(Vec::new()), 0.0);
    }
}
