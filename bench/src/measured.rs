use serde::{Deserialize, Serialize};

/// The figures of one run, in the order in which they are shown.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    figures: Vec<(String, f64)>,
    /// The distribution of latencies, in percent and milliseconds; empty if none was measured.
    #[serde(default)]
    pub(crate) curve: Vec<(f64, f64)>,
}

impl Measured {
    pub(crate) fn set(&mut self, name: &str, value: f64) {
        self.figures.push((name.to_owned(), value));
    }

    pub(crate) fn figures(&self) -> &[(String, f64)] {
        &self.figures
    }

    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        let found = self.figures.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| *value)
    }
}
