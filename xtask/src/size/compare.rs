//! The figures of a page against those that were measured now.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};

/// How a line about the tools begins.
pub const TOOLS: &str = "Measured with: ";
/// The answer to a budget, once kept.
pub const MET: &str = "met";
/// The heading of the table with each target's bytes.
pub const SIZES: &str = "## Bytes of the library";

/// With the tools that the page names every figure must be the same. With others none may be much worse, and no
/// budget that was met may be missed.
pub fn compare(page: &str, now: &str) -> Result<String> {
    ensure!(tools(now).is_some(), "the page does not say what it was measured with");
    if tools(page) == tools(now) {
        if page == now {
            return Ok("all figures are as in docs/footprint.md".to_owned());
        }
        let diff = similar::TextDiff::from_lines(page, now);
        bail!("not as in docs/footprint.md:\n{}", diff.unified_diff().header("docs/footprint.md", "measured"));
    }
    let (old, new) = (rows(page), rows(now));
    let mut worse = Vec::new();
    for (row, figures) in &new {
        let Some(before) = old.get(row) else { bail!("docs/footprint.md has no row {row:?}") };
        if before.contains(&Cell::Word(MET.to_owned())) && !figures.contains(&Cell::Word(MET.to_owned())) {
            worse.push(format!("{row:?}: the budget was met"));
        }
        for pair in before.iter().zip(figures) {
            if let (Cell::Figure(before), Cell::Figure(now)) = pair
                && is_worse(*before, *now)
            {
                worse.push(format!("{row:?}: {now} after {before}"));
            }
        }
    }
    ensure!(worse.is_empty(), "worse than in docs/footprint.md:\n{}", worse.join("\n"));
    Ok("other tools than those of docs/footprint.md: compared only within a fifth, and with the budgets".to_owned())
}

/// Much more than it was: other tools alone do not explain it.
fn is_worse(before: u64, now: u64) -> bool {
    now > before + before / 5 + 16
}

/// The bytes of code that the page states in the row of that name are about those that were seen.
pub fn code(page: &str, name: &str, seen: u64) -> Result<()> {
    let rows = rows(page);
    let Some([Cell::Figure(stated), ..]) = rows.get(&(SIZES.to_owned(), name.to_owned())).map(Vec::as_slice) else {
        bail!("docs/footprint.md has no row {name:?}");
    };
    ensure!(!is_worse(*stated, seen), "{name}: {seen} bytes of code, {stated} in docs/footprint.md");
    Ok(())
}

fn tools(page: &str) -> Option<&str> {
    page.lines().find_map(|line| line.strip_prefix(TOOLS))
}

#[derive(Debug, PartialEq, Eq)]
enum Cell {
    Figure(u64),
    Word(String),
}

/// The rows of all tables that have a figure, under their heading and first cell.
fn rows(page: &str) -> BTreeMap<(String, String), Vec<Cell>> {
    let mut heading = "";
    let mut rows = BTreeMap::new();
    for line in page.lines() {
        if line.starts_with('#') {
            heading = line;
        }
        let Some(cells) = line.strip_prefix("| ") else { continue };
        let mut cells = cells.trim_end_matches('|').split(" | ").map(str::trim);
        let name = cells.next().unwrap_or_default().to_owned();
        let cell = |text: &str| text.parse().map_or_else(|_| Cell::Word(text.to_owned()), Cell::Figure);
        let cells: Vec<_> = cells.map(cell).collect();
        // largest functions come and go
        if !heading.contains("Largest") && cells.iter().any(|cell| matches!(cell, Cell::Figure(_))) {
            rows.insert((heading.to_owned(), name), cells);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(tools: &str, figure: u32, budget: &str) -> String {
        format!("# T\n{TOOLS}{tools}\n\n| what | bytes |\n|---|---|\n| a | {figure} | {budget} |\n")
    }

    #[test]
    fn with_the_same_tools_every_figure_counts() {
        assert!(compare(&page("x", 100, ""), &page("x", 100, "")).is_ok());
        assert!(compare(&page("x", 100, ""), &page("x", 101, "")).is_err());
        // the page is to be written again
        assert!(compare(&page("x", 100, ""), &page("x", 99, "")).is_err());
    }

    #[test]
    fn with_other_tools_only_what_is_much_worse() {
        assert!(compare(&page("x", 100, ""), &page("y", 136, "")).is_ok());
        assert!(compare(&page("x", 100, ""), &page("y", 137, "")).is_err());
        assert!(compare(&page("x", 100, "met"), &page("y", 100, "missed")).is_err());
        assert!(compare(&page("x", 100, "missed"), &page("y", 100, "missed")).is_ok());
        assert!(compare("", &page("y", 100, "")).is_err());
    }
}
