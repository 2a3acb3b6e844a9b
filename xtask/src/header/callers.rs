//! Who may call each function of the headers, and at which IRQL: a line in each comment, and the table of them in ffi/WINDOWS.md.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use regex::Regex;

use crate::progress;

/// What a comment may say, with the row of the table that it makes. In the order of the table.
const LINES: [(&str, &str); 4] = [
    ("Callers: threads, interrupt and signal handlers. IRQL: any.", "| any | threads and handlers |"),
    ("Callers: threads. IRQL: <= DISPATCH_LEVEL.", "| <= DISPATCH_LEVEL | threads |"),
    ("Callers: threads. IRQL: <= APC_LEVEL.", "| <= APC_LEVEL | threads |"),
    ("Callers: threads. IRQL: PASSIVE_LEVEL.", "| PASSIVE_LEVEL | threads |"),
];

const BEGIN: &str = "<!-- irql: written by `cargo xtask header` -->\n";
const END: &str = "<!-- end -->";

/// A function with its line, as an index of [`LINES`].
type Callers = BTreeMap<String, usize>;

/// The functions of a header. One whose comment has not exactly one such line is an error, and so is one that does not state its progress.
fn of_header(text: &str) -> Result<Callers> {
    // a comment, directives, and what ends in `);` without a comment in between; a pointer to a function has `)(` in it
    let prototype = Regex::new(
        r"(?ms)(/\*(?:[^*]|\*[^/])*\*/\s*)?(?:^#[^\n]*\n)*^[\w*][\w *]*?\b((?:Co[A-Z]|cocancel_)\w*)\([^();]*\);",
    )?;
    let mut found = Callers::new();
    for function in prototype.captures_iter(text) {
        let name = &function[2];
        let comment = function.get(1).map_or("", |comment| comment.as_str());
        let said: Vec<usize> = (0..LINES.len()).filter(|&i| comment.contains(LINES[i].0)).collect();
        let [line] = said[..] else { bail!("the comment of {name} needs one line of the kind \"{}\"", LINES[0].0) };
        let example = progress::EXAMPLE;
        ensure!(progress::is_stated(comment), "the comment of {name} needs a line of the kind \"{example}\"");
        found.insert(name.to_owned(), line);
    }
    Ok(found)
}

/// The functions of the headers. Each of `names` must be among them.
fn of_headers<'a>(headers: impl IntoIterator<Item = &'a str>, names: &[&str]) -> Result<Callers> {
    let mut all = Callers::new();
    for header in headers {
        for (name, line) in of_header(header)? {
            let other = all.insert(name.clone(), line);
            ensure!(other.is_none_or(|other| other == line), "the headers differ about {name}");
        }
    }
    for name in names {
        ensure!(all.contains_key(*name), "{name} was not found in the headers");
    }
    Ok(all)
}

fn table(callers: &Callers) -> String {
    let mut table = "| IRQL | callers | functions |\n|---|---|---|\n".to_owned();
    for (i, (_, row)) in LINES.iter().enumerate() {
        let names: Vec<_> = callers.iter().filter(|(_, line)| **line == i).map(|(name, _)| name.as_str()).collect();
        table += &format!("{row} {} |\n", names.join(", "));
    }
    table
}

/// The page with the table that these headers make. `definitions` is the DLL's definition file: its functions must all be there.
pub fn page<'a>(page: &str, headers: impl IntoIterator<Item = &'a str>, definitions: &str) -> Result<String> {
    let (_, names) = definitions.split_once("EXPORTS").context("no EXPORTS")?;
    let names: Vec<_> = names.split_whitespace().collect();
    let callers = of_headers(headers, &names)?;
    let (before, rest) = page.split_once(BEGIN).context("ffi/WINDOWS.md has no place for the table")?;
    let (_, after) = rest.split_once(END).context("the table of ffi/WINDOWS.md has no end")?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", table(&callers)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "/* No function. */\ntypedef int32_t (*hook)(void *user);\n\
        /*\n First.\n\n Callers: threads. IRQL: PASSIVE_LEVEL. Never blocks.\n Progress: lock-free (a).\n */\nint32_t cocancel_a(void *p,\n   int b);\n\
        /* Second. Callers: threads, interrupt and signal handlers. IRQL: any.\n Progress: wait-free (b). */\n#if defined(X)\nHRESULT WINAPI CoB(void);\n#endif\n";

    #[test]
    fn each_function_says_who_may_call_it() {
        let found = of_header(GOOD).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("CoB".to_owned(), 0), ("cocancel_a".to_owned(), 3)]);
    }

    #[test]
    fn a_function_that_does_not_is_found() {
        assert!(of_header(&GOOD.replace("Callers: threads. IRQL: PASSIVE_LEVEL.", "")).is_err());
        assert!(of_header(&GOOD.replace("PASSIVE_LEVEL", "PASSIVE")).is_err());
        assert!(of_header("int cocancel_c(void);\n").is_err());
        assert!(of_header(&GOOD.replace("Progress: lock-free (a).", "")).is_err());
        let text = page("", [GOOD], "EXPORTS\n CoB\n cocancel_d\n");
        assert!(text.is_err_and(|e| e.to_string().contains("cocancel_d")));
        let other = GOOD.replace("PASSIVE_LEVEL", "<= APC_LEVEL");
        assert!(of_headers([GOOD, &other], &[]).is_err());
    }

    #[test]
    fn the_table_stands_in_its_place() {
        let text = page(&format!("a\n{BEGIN}old\n{END}\nb\n"), [GOOD], "EXPORTS\n CoB\n cocancel_a\n").unwrap();
        assert!(text.starts_with("a\n") && text.ends_with("b\n") && !text.contains("old"), "{text}");
        assert!(text.contains("| any | threads and handlers | CoB |\n"), "{text}");
        assert!(text.contains("| PASSIVE_LEVEL | threads | cocancel_a |\n"), "{text}");
    }
}
