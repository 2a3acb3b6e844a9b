//! The tables.

use std::fmt::Display;

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};

use crate::sample::Series;

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
    fn verdict(self, ratio: f64) -> &'static str {
        let met = match self {
            Goal::AtMost(most) => ratio <= most,
            Goal::AtLeast(least) => ratio >= least,
            Goal::None => return "",
        };
        if met { "met" } else { "MISSED" }
    }

    fn text(self) -> String {
        match self {
            Goal::AtMost(most) => format!("<= {most}"),
            Goal::AtLeast(least) => format!(">= {least}"),
            Goal::None => String::new(),
        }
    }
}

/// What all measurements come to.
pub struct Report {
    budgets: Table,
    peers: Table,
    notes: Vec<String>,
}

impl Report {
    /// Nothing yet.
    pub fn new() -> Self {
        let table = |header: &[&str]| {
            let mut table = Table::new();
            table.load_preset(ASCII_MARKDOWN).set_header(header);
            for column in table.column_iter_mut().skip(1) {
                column.set_cell_alignment(CellAlignment::Right);
            }
            table
        };
        Self {
            budgets: table(&["budget: ours / peer", "ours", "peer", "ratio", "goal", "verdict"]),
            peers: table(&["other figures of this run", "ns"]),
            notes: Vec::new(),
        }
    }

    /// A budget with what was measured for it.
    pub fn row(&mut self, what: &str, ours: &Series, peer: &Series, goal: Goal) {
        self.figures(what, ours.median(), peer.median(), ours.ratio(peer), goal);
    }

    /// The same where the ratio is not of two series of samples.
    pub fn figures(&mut self, what: &str, ours: f64, peer: f64, ratio: f64, goal: Goal) {
        let verdict = goal.verdict(ratio);
        self.budgets.add_row([
            what,
            &format!("{ours:.2}"),
            &format!("{peer:.2}"),
            &format!("{ratio:.3}"),
            &goal.text(),
            verdict,
        ]);
    }

    /// A budget that could not be measured here.
    pub fn not_measured(&mut self, what: &str, why: &str) {
        self.budgets.add_row([what, "", "", "", "", "not measured"]);
        self.note(format!("{what}: not measured: {why}"));
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

    /// Prints everything.
    pub fn print(&self) {
        println!("\nNanoseconds are medians; a ratio is the median of the quotients of samples taken side by side.\n");
        println!("{}\n\n{}\n", self.budgets, self.peers);
        for note in &self.notes {
            println!("- {note}");
        }
    }
}
