use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, Table};

use crate::outcome::Outcome;

/// Prints one table for each sequence of cases with the same figures.
pub(crate) fn table(outcomes: &[Outcome]) {
    let alike = |a: &Outcome, b: &Outcome| names(a) == names(b);
    for group in outcomes.chunk_by(alike) {
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY);
        let Some(first) = group.first() else {
            continue;
        };
        let head = names(first).into_iter().map(|name| name.replace('_', " "));
        table.set_header(std::iter::once(String::new()).chain(head));
        for outcome in group {
            let values = outcome
                .medians()
                .into_iter()
                .map(|(_, value)| figure(value));
            table.add_row(std::iter::once(outcome.label.clone()).chain(values));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        println!("{table}");
    }
}

fn names(outcome: &Outcome) -> Vec<String> {
    outcome
        .medians()
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

/// Three significant digits.
fn figure(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
