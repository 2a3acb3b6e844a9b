//! The tables.

use std::error::Error;
use std::fmt::Display;
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};

use crate::document;
use crate::sample::{Series, median};

/// What a row's ratio should be.
#[derive(Clone, Copy)]
pub enum Goal {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
    /// For information.
    None,
}

impl Goal {
    /// What to say of `ratio`.
    pub fn verdict(self, ratio: f64) -> &'static str {
        let met = match self {
            Goal::AtMost(most) => ratio <= most,
            Goal::AtLeast(least) => ratio >= least,
            Goal::None => return "",
        };
        if met { "met" } else { "MISSED" }
    }

    /// For a table.
    pub fn text(self) -> String {
        match self {
            Goal::AtMost(most) => format!("<= {most}"),
            Goal::AtLeast(least) => format!(">= {least}"),
            Goal::None => String::new(),
        }
    }
}

/// A budget with what was measured for it.
pub struct Row {
    /// The group of rows that it belongs to.
    pub group: &'static str,
    /// Ours / the peer.
    pub what: String,
    /// Nanoseconds, or one figure, or nothing.
    pub ours: Vec<f64>,
    /// The same of the peer.
    pub peer: Vec<f64>,
    /// The quotients of samples taken side by side; one, if there are no such pairs.
    pub ratios: Vec<f64>,
    /// What counts; none if it could not be measured here.
    pub ratio: Option<f64>,
    /// What it should be.
    pub goal: Goal,
}

/// What all measurements come to.
pub struct Report {
    group: &'static str,
    rows: Vec<Row>,
    peers: Table,
    notes: Vec<String>,
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

impl Report {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { group: "", rows: Vec::new(), peers: table(&["other figures of this run", "ns"]), notes: Vec::new() }
    }

    /// What comes from here on belongs to this group.
    pub fn begin(&mut self, group: &'static str) {
        self.group = group;
    }

    /// A budget with what was measured for it.
    pub fn row(&mut self, what: &str, ours: &Series, peer: &Series, goal: Goal) {
        let ratios: Vec<f64> = ours.0.iter().zip(&peer.0).map(|(ours, peer)| ours / peer).collect();
        self.add(what, ours.0.clone(), peer.0.clone(), ratios, Some(ours.ratio(peer)), goal);
    }

    /// The same where the ratio is not of two series of samples.
    pub fn figures(&mut self, what: &str, ours: f64, peer: f64, ratio: f64, goal: Goal) {
        self.add(what, vec![ours], vec![peer], vec![ratio], Some(ratio), goal);
    }

    /// A budget that could not be measured here.
    pub fn not_measured(&mut self, what: &str, why: &str) {
        self.add(what, Vec::new(), Vec::new(), Vec::new(), None, Goal::None);
        self.note(format!("{what}: not measured: {why}"));
    }

    fn add(&mut self, what: &str, ours: Vec<f64>, peer: Vec<f64>, ratios: Vec<f64>, ratio: Option<f64>, goal: Goal) {
        self.rows.push(Row { group: self.group, what: what.to_owned(), ours, peer, ratios, ratio, goal });
    }

    /// A figure without a budget.
    pub fn other(&mut self, what: &str, series: &Series) {
        self.peers.add_row([what, &format!("{:.2}", series.median())]);
    }

    /// A figure without a budget that could not be measured here.
    #[cfg(not(has_glib))]
    pub fn other_not_measured(&mut self, what: &str) {
        self.peers.add_row([what, "not measured"]);
    }

    /// Something to know about this run.
    pub fn note(&mut self, text: impl Display) {
        self.notes.push(text.to_string());
    }

    /// Writes docs/performance.md with its plots.
    pub fn document(&self, docs: &Path, counts: Option<&str>) -> Result<(), Box<dyn Error>> {
        document::write(docs, &self.rows, &self.peers.to_string(), &self.notes, counts)
    }

    /// Prints everything.
    pub fn print(&self) {
        let mut budgets = table(&["budget: ours / peer", "ours", "peer", "ratio", "goal", "verdict"]);
        for row in &self.rows {
            let Some(ratio) = row.ratio else {
                budgets.add_row([&row.what, "", "", "", "", "not measured"]);
                continue;
            };
            let [ours, peer] = [&row.ours, &row.peer].map(|figures| format!("{:.2}", median(figures.clone())));
            let goal = row.goal.text();
            budgets.add_row([&row.what, &ours, &peer, &format!("{ratio:.3}"), &goal, row.goal.verdict(ratio)]);
        }
        println!("\nNanoseconds are medians; a ratio is the median of the quotients of samples taken side by side.\n");
        println!("{budgets}\n\n{}\n", self.peers);
        for note in &self.notes {
            println!("- {note}");
        }
    }
}
