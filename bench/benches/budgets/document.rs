//! docs/performance.md and its plots.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use plotters::prelude::*;

use crate::report::{Goal, Row};
use crate::sample::quantile;
use cocancel_bench::machine::machine;

/// A name for a group's file.
fn file_name(group: &str) -> String {
    format!("performance-{group}.svg")
}

/// Middle, quarters and tenths of the ratios of a group's rows, beside their goals.
fn plot(path: &Path, rows: &[&Row]) -> Result<(), Box<dyn std::error::Error>> {
    const ROW: u32 = 34;
    let height = 70 + ROW * rows.len() as u32;
    let most = rows.iter().flat_map(|row| [quantile(&row.ratios, 0.9), row.goal.number().unwrap_or(0.0)]);
    let most = most.fold(1.0, f64::max) * 1.1;
    let area = SVGBackend::new(path, (900, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(10)
        .margin_left(430)
        .x_label_area_size(34)
        .build_cartesian_2d(0.0..most, 0.0..rows.len() as f64)?;
    chart.configure_mesh().disable_mesh().disable_y_axis().x_desc("ratio: ours / peer").draw()?;
    for (n, row) in rows.iter().enumerate() {
        let y = rows.len() as f64 - n as f64 - 0.5;
        let at = |q| quantile(&row.ratios, q);
        chart.draw_series([PathElement::new([(at(0.1), y), (at(0.9), y)], BLACK.mix(0.5))])?;
        chart.draw_series([Rectangle::new([(at(0.25), y - 0.2), (at(0.75), y + 0.2)], BLUE.mix(0.4).filled())])?;
        chart.draw_series([Circle::new((at(0.5), y), 4, BLUE.filled())])?;
        if let Some(goal) = row.goal.number() {
            let line = [(goal, y - 0.4), (goal, y + 0.4)];
            chart.draw_series([PathElement::new(line, RED.stroke_width(2))])?;
        }
        let place = (8, 10 + (ROW * n as u32 + ROW / 2) as i32 - 6);
        area.draw_text(&row.what, &("sans-serif", 12).into_text_style(&area), place)?;
    }
    area.present()?;
    Ok(())
}

/// Writes the report into the folder `docs`. `counts` is the table of `cargo xtask counts`, if it was run.
pub fn write(
    docs: &Path,
    rows: &[Row],
    others: &str,
    notes: &[String],
    counts: Option<&str>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut text = String::from(
        "# Performance\n\nWritten by `cargo xtask bench --report`: what one machine showed in one run. **Times vary**, on a shared or virtual \
         machine by more than their\ndifferences here; look at the ratios, which are of samples taken side by side, and at the counted figures, \
         which do not vary.\nHow a goal that is missed came to be missed: [ARCHITECTURE.md](../ARCHITECTURE.md#speed-and-where-a-goal-is-missed).\n\n\
         ## The machine\n\n| | |\n|---|---|\n",
    );
    for (what, value) in machine() {
        writeln!(text, "| {what} | {} |", value.trim())?;
    }
    if let Some(counts) = counts {
        writeln!(
            text,
            "\n## Counted\n\nInstructions and read-modify-writes of the C interface, each operation's part of a loop in C, under callgrind; \
             bytes of the tables\non 64-bit hosts. `cargo xtask test counts` holds them to bench/counts.json.\n\n```text\n{}```",
            counts.trim_start()
        )?;
    }
    text += "\n## Measured\n\nNanoseconds are medians, with the quarters beside them. In the pictures: a point is the median of the ratio, a bar \
             holds half of the samples,\na line four fifths; red is the goal.\n";
    let mut groups: Vec<&str> = rows.iter().map(|row| row.group).collect();
    groups.dedup();
    for group in groups {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.group == group).collect();
        let drawn: Vec<&Row> = rows.iter().copied().filter(|row| !row.ratios.is_empty()).collect();
        writeln!(text, "\n### {group}\n")?;
        if !drawn.is_empty() {
            plot(&docs.join(file_name(group)), &drawn)?;
            writeln!(text, "![ratios of the group {group}]({})\n", file_name(group))?;
        }
        text += "| ours / peer | ours | peer | ratio | half of the ratios lie in | goal | |\n|---|---:|---:|---:|---:|---:|---|\n";
        for row in rows {
            let spread = match row.ratios.as_slice() {
                [] | [_] => String::new(),
                ratios => format!("{:.3} to {:.3}", quantile(ratios, 0.25), quantile(ratios, 0.75)),
            };
            let [ours, peer] = [&row.ours, &row.peer].map(|figures| match figures.as_slice() {
                [] => String::new(),
                [one] => format!("{one:.2}"),
                all => {
                    format!("{:.2} ({:.2} to {:.2})", quantile(all, 0.5), quantile(all, 0.25), quantile(all, 0.75))
                }
            });
            let (ratio, goal, verdict) = match row.ratio {
                Some(ratio) => (format!("{ratio:.3}"), row.goal.text(), row.goal.verdict(ratio)),
                None => (String::new(), String::new(), "not measured"),
            };
            writeln!(text, "| {} | {ours} | {peer} | {ratio} | {spread} | {goal} | {verdict} |", row.what)?;
        }
    }
    writeln!(text, "\n### Other figures of this run\n\n{others}\n")?;
    for note in notes {
        writeln!(text, "- {note}")?;
    }
    fs::write(docs.join("performance.md"), text)?;
    Ok(())
}

/// What a row of the report is drawn from.
impl Goal {
    fn number(self) -> Option<f64> {
        match self {
            Goal::AtMost(number) | Goal::AtLeast(number) => Some(number),
            Goal::None => None,
        }
    }
}
