use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::lines;
use crate::case::Case;
use crate::outcome::Outcome;

const SIZE: (u32, u32) = (900, 480);

/// Draws into `directory`: curves for the parts of growth; for each other group of cases its two
/// leading figures as bars, `GROUP.svg`, and its distribution of latencies, if measured,
/// `GROUP-latency.svg`.
pub(crate) fn plots(outcomes: &[Outcome], directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("{} cannot be made", directory.display()))?;
    for chunk in outcomes.chunk_by(|a, b| a.case.group() == b.case.group()) {
        let Some(first) = chunk.first() else {
            continue;
        };
        let name = first.case.group();
        if matches!(first.case, Case::Growth(_)) {
            lines::charts(chunk, directory)?;
            continue;
        }
        panels(chunk, &directory.join(format!("{name}.svg")))?;
        if chunk.iter().any(|outcome| !outcome.curve().is_empty()) {
            curves(chunk, &directory.join(format!("{name}-latency.svg")))?;
        }
    }
    Ok(())
}

/// A panel of bars for each leading figure, one below the other.
fn panels(outcomes: &[Outcome], path: &Path) -> Result<()> {
    let mut figures: Vec<String> = Vec::new();
    for (figure, _) in outcomes.iter().flat_map(Outcome::medians) {
        if figures.len() < 2 && !figures.contains(&figure) {
            figures.push(figure);
        }
    }
    let rows = outcomes.len().max(2) as u32;
    let height = figures.len().max(1) as u32 * (80 + 28 * rows);
    let area = SVGBackend::new(path, (SIZE.0, height)).into_drawing_area();
    area.fill(&WHITE)?;
    for (figure, panel) in figures.iter().zip(area.split_evenly((figures.len(), 1))) {
        bars(outcomes, figure, &panel)?;
    }
    area.present()?;
    Ok(())
}

fn bars(
    outcomes: &[Outcome],
    figure: &str,
    area: &DrawingArea<SVGBackend<'_>, Shift>,
) -> Result<()> {
    let values: Vec<(String, f64)> = outcomes
        .iter()
        .filter_map(|outcome| Some((outcome.label.clone(), outcome.median(figure)?)))
        .collect();
    let highest = values.iter().map(|(_, value)| *value).fold(0.0, f64::max) * 1.1;
    let rows = values.len() as u32;
    let mut chart = ChartBuilder::on(area)
        .caption(figure.replace('_', " "), ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(330)
        .build_cartesian_2d(
            0.0..highest.max(f64::MIN_POSITIVE),
            (0..rows.max(1)).into_segmented(),
        )?;
    let label = |segment: &SegmentValue<u32>| match segment {
        SegmentValue::CenterOf(row) => values
            .get((rows - 1).saturating_sub(*row) as usize)
            .map_or_else(String::new, |(label, _)| label.clone()),
        SegmentValue::Exact(_) | SegmentValue::Last => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(values.len())
        .y_label_formatter(&label)
        .draw()?;
    let drawn = values.iter().zip((0..rows).rev()).map(|((_, value), row)| {
        let (low, high) = (SegmentValue::Exact(row), SegmentValue::Exact(row + 1));
        let mut bar = Rectangle::new([(0.0, low), (*value, high)], BLUE.mix(0.6).filled());
        bar.set_margin(4, 4, 0, 0);
        bar
    });
    chart.draw_series(drawn)?;
    Ok(())
}

fn curves(outcomes: &[Outcome], path: &Path) -> Result<()> {
    let highest = outcomes
        .iter()
        .filter_map(|outcome| outcome.curve().last().map(|(_, millis)| *millis))
        .fold(0.1, f64::max);
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(
            "latency to the last node, ms, by percentile",
            ("sans-serif", 18),
        )
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..100.0, (0.05..highest).log_scale())?;
    chart.configure_mesh().draw()?;
    for (index, outcome) in outcomes.iter().enumerate() {
        let colour = Palette99::pick(index).to_rgba();
        let line = LineSeries::new(outcome.curve().iter().copied(), &colour);
        chart
            .draw_series(line)?
            .label(outcome.label.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    area.present()?;
    Ok(())
}
