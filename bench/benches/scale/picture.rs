//! Curves over numbers of cores.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

/// One curve.
pub struct Curve {
    /// For the legend.
    pub name: String,
    /// Cores, and throughput against one.
    pub points: Vec<(usize, f64)>,
}

/// Draws them, both axes by powers of two, with the line on which twice the cores do twice as much.
pub fn draw(path: &Path, title: &str, curves: &[Curve]) -> Result<(), Box<dyn Error>> {
    let height = 460 + 8 * curves.len() as u32;
    let area = SVGBackend::new(path, (900, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let most = curves.iter().flat_map(|curve| &curve.points).map(|point| point.0).max().unwrap_or(1) as f64;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(50)
        .build_cartesian_2d((1.0..most).log_scale().base(2.0), (0.25..most).log_scale().base(2.0))?;
    let number = |value: &f64| if *value < 1.0 { format!("{value:.2}") } else { format!("{value:.0}") };
    let mesh = &mut chart.configure_mesh();
    mesh.x_desc("cores").y_desc("throughput against one core").x_labels(10).y_labels(12);
    mesh.x_label_formatter(&number).y_label_formatter(&number).draw()?;
    chart.draw_series([PathElement::new([(1.0, 1.0), (most, most)], BLACK.mix(0.3))])?;
    for (at, curve) in curves.iter().enumerate() {
        let colour = Palette99::pick(at).mix(0.9);
        let points = || curve.points.iter().map(|(cores, gain)| (*cores as f64, gain.max(0.25)));
        chart
            .draw_series(LineSeries::new(points(), colour.stroke_width(2)))?
            .label(&curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(points().map(|point| Circle::new(point, 3, colour.filled())))?;
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).background_style(WHITE.mix(0.8)).draw()?;
    area.present()?;
    Ok(())
}
