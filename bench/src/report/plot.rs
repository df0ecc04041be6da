use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use plotters::prelude::*;

use crate::outcome::Outcome;

const SIZE: (u32, u32) = (900, 480);

/// Draws into `directory`: each distribution of latencies, and each leading figure as bars, one
/// chart per group of cases that have the same figures.
pub(crate) fn plots(outcomes: &[Outcome], directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("{} cannot be made", directory.display()))?;
    let group = |outcome: &Outcome| {
        let mut words = outcome.label.split(',');
        words.next().unwrap_or_default().to_owned()
    };
    for chunk in outcomes.chunk_by(|a, b| group(a) == group(b)) {
        let Some(first) = chunk.first() else {
            continue;
        };
        let name = group(first).replace(' ', "-");
        for (figure, _) in first.medians().into_iter().take(2) {
            bars(
                chunk,
                &figure,
                &directory.join(format!("{name}-{figure}.svg")),
            )?;
        }
        if chunk.iter().any(|outcome| !outcome.curve().is_empty()) {
            curves(chunk, &directory.join(format!("{name}-latency.svg")))?;
        }
    }
    Ok(())
}

fn bars(outcomes: &[Outcome], figure: &str, path: &Path) -> Result<()> {
    let values: Vec<(String, f64)> = outcomes
        .iter()
        .filter_map(|outcome| Some((outcome.label.clone(), outcome.median(figure)?)))
        .collect();
    let highest = values.iter().map(|(_, value)| *value).fold(0.0, f64::max) * 1.1;
    let rows = values.len() as u32;
    let area = SVGBackend::new(path, (SIZE.0, 80 + 28 * rows.max(2))).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
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
    area.present()?;
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
