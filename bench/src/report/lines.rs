use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use plotters::coord::combinators::BindKeyPoints as _;
use plotters::prelude::*;

use crate::case::Case;
use crate::outcome::Outcome;
use crate::size::size;

const SIZE: (u32, u32) = (760, 400);
/// Colours that most readers can tell apart, also in print.
const COLOURS: [RGBColor; 4] = [
    RGBColor(0, 90, 181),
    RGBColor(220, 50, 32),
    RGBColor(120, 120, 120),
    RGBColor(0, 130, 90),
];

/// A chart of curves over the number of nodes or bytes.
struct Chart {
    file: &'static str,
    caption: &'static str,
    part: &'static str,
    across: &'static str,
    /// For each curve: the series of cases, the figure, and the label.
    curves: &'static [(&'static str, &'static str, &'static str)],
}

const CHARTS: [Chart; 6] = [
    Chart {
        file: "blocks.svg",
        caption: "Blocks of 1 KB on sockets: processor per copy, µs",
        part: "sockets",
        across: "nodes",
        curves: &[
            (
                "ours",
                "cpu_us_per_received_copy",
                "ours, per copy received",
            ),
            ("ours", "cpu_us_per_copy", "ours, per copy delivered"),
            ("floor", "cpu_us_per_copy", "floor, received = delivered"),
        ],
    },
    Chart {
        file: "members.svg",
        caption: "Members on sockets: processor, µs",
        part: "sockets",
        across: "nodes",
        curves: &[
            ("ours", "mesh_cpu_us_per_pair", "forming the mesh, per pair"),
            (
                "ours",
                "idle_cpu_us_per_message",
                "idle, per message received",
            ),
        ],
    },
    Chart {
        file: "simulated.svg",
        caption: "Blocks of 1 KB, simulated: processor per copy received, µs",
        part: "simulator",
        across: "nodes",
        curves: &[
            (
                "one organisation",
                "cpu_us_per_received_copy",
                "one organisation",
            ),
            (
                "many organisations",
                "cpu_us_per_received_copy",
                "organisations of 64",
            ),
        ],
    },
    Chart {
        file: "cold-start.svg",
        caption: "Cold start, simulated: processor per pair that sees each other, µs",
        part: "simulator",
        across: "nodes",
        curves: &[
            (
                "one organisation",
                "cold_start_us_per_pair",
                "one organisation",
            ),
            (
                "many organisations",
                "cold_start_us_per_pair",
                "organisations of 64",
            ),
        ],
    },
    Chart {
        file: "memory.svg",
        caption: "Memory, simulated: bytes per pair that sees each other",
        part: "simulator",
        across: "nodes",
        curves: &[
            (
                "one organisation",
                "bytes_memory_per_pair",
                "one organisation",
            ),
            (
                "many organisations",
                "bytes_memory_per_pair",
                "organisations of 64",
            ),
        ],
    },
    Chart {
        file: "payload.svg",
        caption: "Payloads among 8 nodes: processor per byte received, ns",
        part: "payload",
        across: "payload",
        curves: &[
            ("ours", "cpu_ns_per_received_byte", "ours"),
            ("floor", "cpu_ns_per_received_byte", "floor"),
        ],
    },
];

struct Curve {
    name: &'static str,
    points: Vec<(f64, f64)>,
}

/// Draws the charts of the part to which `outcomes` belong. Curves with fewer than two points are
/// left out.
pub(super) fn charts(outcomes: &[Outcome], directory: &Path) -> Result<()> {
    let part = outcomes.first().map_or("", |outcome| outcome.case.group());
    for chart in CHARTS.iter().filter(|chart| chart.part == part) {
        let curves: Vec<Curve> = chart
            .curves
            .iter()
            .map(|(series, figure, name)| Curve {
                name,
                points: points(outcomes, series, figure),
            })
            .filter(|curve| curve.points.len() > 1)
            .collect();
        if !curves.is_empty() {
            draw(chart, &curves, &directory.join(chart.file))?;
        }
    }
    Ok(())
}

fn points(outcomes: &[Outcome], series: &str, figure: &str) -> Vec<(f64, f64)> {
    let mut points = BTreeMap::new();
    for outcome in outcomes {
        if let Case::Growth(case) = outcome.case
            && case.point().series == series
            && let Some(value) = outcome.median(figure).filter(|value| *value > 0.0)
        {
            points.insert(case.point().amount, value);
        }
    }
    let points = points.into_iter();
    points.map(|(at, value)| (at as f64, value)).collect()
}

fn draw(chart: &Chart, curves: &[Curve], path: &Path) -> Result<()> {
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let (left, right) = ends(all().map(|point| point.0));
    let (low, high) = ends(all().map(|point| point.1));
    // The axis spans at least a decade: otherwise a flat curve would look steep.
    let (low, high) = (low.min(high / 10.0) / 1.5, high * 3.0);
    let mut marks: Vec<f64> = all().map(|point| point.0).collect();
    marks.sort_unstable_by(f64::total_cmp);
    // Close values such as 1,000 and 1,024 share a label.
    marks.dedup_by(|next, before| *next < *before * 1.2);

    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut context = ChartBuilder::on(&area)
        .caption(chart.caption, ("sans-serif", 18))
        .margin(12)
        .margin_right(30)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(
            (left / 1.2..right * 1.2).log_scale().with_key_points(marks),
            (low..high).log_scale().with_key_points(steps(low, high)),
        )?;
    let across = |value: &f64| match chart.across {
        "payload" => size(*value as usize),
        _ => format!("{value:.0}"),
    };
    context
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(225, 225, 225))
        .label_style(("sans-serif", 14))
        .x_desc(chart.across)
        .x_label_formatter(&across)
        .y_label_formatter(&|value| short(*value))
        .draw()?;
    for (curve, colour) in curves.iter().zip(COLOURS) {
        draw_curve(&mut context, curves, curve, colour)?;
    }
    // The legend goes where no curve is high.
    let top = |end: f64| ends(all().filter(|point| point.0 == end).map(|point| point.1)).1;
    let legend = if top(left) > top(right) {
        SeriesLabelPosition::UpperRight
    } else {
        SeriesLabelPosition::UpperLeft
    };
    context
        .configure_series_labels()
        .position(legend)
        .label_font(("sans-serif", 14))
        .background_style(WHITE.mix(0.85))
        .draw()?;
    area.present()?;
    Ok(())
}

/// One curve, each point with its value.
fn draw_curve<'a, X, Y>(
    context: &mut ChartContext<'a, SVGBackend<'_>, Cartesian2d<X, Y>>,
    curves: &[Curve],
    curve: &Curve,
    colour: RGBColor,
) -> Result<()>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    let all = || curves.iter().flat_map(|curve| &curve.points);
    context
        .draw_series(LineSeries::new(
            curve.points.iter().copied(),
            colour.stroke_width(2),
        ))?
        .label(curve.name)
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    context.draw_series(curve.points.iter().map(|point| {
        // Values of curves that lie close together must not cover each other.
        let is_lowest = all().all(|other| other.0 != point.0 || other.1 >= point.1);
        let place = if is_lowest { 8 } else { -20 };
        let value = Text::new(
            short(point.1),
            (-10, place),
            ("sans-serif", 13).into_font().color(&colour),
        );
        EmptyElement::at(*point) + Circle::new((0, 0), 4, colour.filled()) + value
    }))?;
    Ok(())
}

/// The minimum and the maximum.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// 1, 2 and 5 of each decade that touches the range.
fn steps(low: f64, high: f64) -> Vec<f64> {
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    decades
        .flat_map(|decade| [1.0, 2.0, 5.0].map(|step| step * 10f64.powi(decade)))
        .filter(|step| (low..=high).contains(step))
        .collect()
}

/// Two significant digits, three from 100 on.
fn short(value: f64) -> String {
    match value {
        10.0.. => format!("{value:.0}"),
        1.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_is_marked_at_one_two_and_five_of_each_decade() {
        assert_eq!(steps(4.0, 120.0), [5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(steps(0.3, 1.0), [0.5, 1.0]);
    }

    #[test]
    fn labels_keep_two_digits_that_count() {
        let labels = [0.26, 1.25, 43.4, 128.0].map(short);
        assert_eq!(labels, ["0.26", "1.2", "43", "128"]);
    }
}
