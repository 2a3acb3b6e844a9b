//! What is said of the progress of operations: the claims of docs/progress.md, and the comments that repeat them.

use std::collections::BTreeMap;

/// The page.
pub const PAGE: &str = "docs/progress.md";
/// How a comment begins to say it.
const MARK: &str = "Progress: ";
/// What a comment says.
pub const EXAMPLE: &str = "Progress: lock-free (finish).";

/// The claim of each row of the page.
pub struct Claims<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Claims<'a> {
    /// Takes them out of the page's table.
    pub fn of_page(page: &'a str) -> Self {
        let cells = |line: &'a str| line.split('|').map(str::trim).collect::<Vec<_>>();
        let rows = page.lines().map(cells).filter(|cells| cells.len() == 6);
        Self(rows.map(|cells| (cells[1], cells[2])).collect())
    }

    /// The lines of comments that say something else than the page, from 1, and why.
    pub fn faults(&self, text: &str) -> Vec<(usize, String)> {
        let said = text.lines().zip(1..).filter_map(|(line, number)| Some((line.split_once(MARK)?.1, number)));
        said.filter_map(|(said, number)| Some((number, self.fault(said)?))).collect()
    }

    fn fault(&self, said: &str) -> Option<String> {
        let parts = said.split_once(" (").and_then(|(claim, rest)| Some((claim, rest.split_once(").")?.0)));
        let Some((claim, row)) = parts else { return Some(format!("not of the kind \"{EXAMPLE}\"")) };
        match self.0.get(row) {
            None => Some(format!("{PAGE} has no row \"{row}\"")),
            Some(other) => (*other != claim).then(|| format!("\"{row}\" is {other} by {PAGE}, not {claim}")),
        }
    }
}

/// Whether a comment says anything.
pub fn is_stated(comment: &str) -> bool {
    comment.lines().any(|line| line.contains(MARK))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "| operation | claim | what bounds it | steps |\n|---|---|---|---|\n\
        | begin | wait-free; with a timeout lock-free | one pass | 26 |\n| cancel, polling | lock-free | as by handle | |\n";

    #[test]
    fn what_the_page_says_passes() {
        let text = "/// Progress: wait-free; with a timeout lock-free (begin).\n * Progress: lock-free (cancel, polling). */\n";
        assert!(Claims::of_page(TABLE).faults(text).is_empty());
        assert!(is_stated(text) && !is_stated("no progress"));
    }

    #[test]
    fn another_claim_and_another_row_are_found() {
        let faults = |text: &str| Claims::of_page(TABLE).faults(text);
        let other = "\"begin\" is wait-free; with a timeout lock-free by docs/progress.md, not wait-free".to_owned();
        assert_eq!(faults("///\n/// Progress: wait-free (begin)."), [(2, other)]);
        assert_eq!(faults("Progress: lock-free (boil)."), [(1, "docs/progress.md has no row \"boil\"".to_owned())]);
        assert_eq!(faults("Progress: lock-free.").len(), 1);
        assert_eq!(faults("Progress: lock-free (begin)").len(), 1);
    }
}
