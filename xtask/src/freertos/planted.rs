//! The clauses of tests/conformance can fail: ports with one defect each, and the clause that finds it.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, ensure};
use regex::Regex;

use super::{LIMIT, suite_on_pthreads};
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome};
use crate::tools::GCC;

/// The suite's own thread comes to the port for the first time in this one.
const FIRST: &str = "1 ids differ and stay";

/// A defect of tests/conformance/planted.c, and the clauses to run; the last one must find it.
const PLANTED: [(&str, &[&str]); 28] = [
    ("no wake", &["the functions are there"]),
    ("id is zero", &["1 ids differ and stay"]),
    ("one id", &["1 ids differ and stay"]),
    ("id changes", &["1 ids differ and stay"]),
    ("handlers have ids", &["1 an interrupt handler is known and has no id"]),
    ("handlers are unknown", &["1 an interrupt handler is known and has no id"]),
    ("tick is slow", &["2 the tick counts milliseconds"]),
    ("tick has 31 bits", &["2 the tick wraps at 32 bits"]),
    ("local is shared", &["3 the local word is each thread's own"]),
    ("local is forgotten", &["3 the local word is each thread's own"]),
    ("wake is lost", &["4 a wake before its wait is kept"]),
    ("wake is lost", &["4 a wake ends a wait"]),
    ("wake of another", &["4 each side of a word is woken"]),
    ("wait has no end", &["4 a wait keeps the time of the tick"]),
    ("wait does not sleep", &["4 a wait keeps the time of the tick"]),
    ("wait has 16 bits", &["4 a long wait sleeps"]),
    ("wakes are used up", &[FIRST, "6 a wake after its thread's end is harmless"]),
    ("no size", &["a runtime is set up"]),
    ("size differs", &["storage has the size that the header says"]),
    ("wake is lost", &["a call is answered"]),
    ("wake is lost", &["a call is cancelled at once; its context is retired once"]),
    ("wait has no end", &["a call is cancelled with a grace time by an interrupt handler"]),
    ("wait has no end", &["a call's own timeout"]),
    ("wake is lost", &["a canceller waits"]),
    ("handlers are unknown", &["an interrupt handler does not wait"]),
    ("exit is forgotten", &["threads come and go"]),
    ("exit is forgotten", &["a server's thread ends"]),
    ("exit is forgotten", &["threads come and go", "nothing is left"]),
];

pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    let mut clauses = BTreeSet::new();
    for file in ["port_clauses.c", "runtime_clauses.c"] {
        clauses.extend(names(&fs::read_to_string(project.root.join("tests/conformance").join(file))?));
    }
    let finders = PLANTED.iter().filter_map(|(_, clauses)| clauses.last().map(|name| (*name).to_owned())).collect();
    ensure!(clauses == finders, "clauses: {clauses:?}; those that find a defect: {finders:?}");

    let program = suite_on_pthreads(project, log, &GCC)?;
    let mut counts = Counts::default();
    for (defect, clauses) in PLANTED {
        let run = |defect| Cmd::new(&program).arg(defect).args(clauses);
        let is_kept = log.run_within(&run("none"), LIMIT)?.success();
        let done = log.run_within(&run(defect), LIMIT)?;
        let clause = clauses.last().copied().unwrap_or_default();
        if is_kept && !done.success() && is_broken(&done.output, clause) {
            counts.passed += 1;
        } else {
            counts.failed += 1;
            log.line(format!("\"{clause}\" does not find the defect \"{defect}\""))?;
        }
    }
    Ok(Outcome::Tests(counts))
}

/// The clauses that a source has.
fn names(source: &str) -> Vec<String> {
    let clause = Regex::new(r#"(?m)^    \{"([^"]+)", \w+\},$"#).expect("a constant pattern");
    clause.captures_iter(source).map(|found| found[1].to_owned()).collect()
}

/// Whether the suite says that this clause, and not only another, is broken.
fn is_broken(output: &str, clause: &str) -> bool {
    let own = output.split_once(&format!("{clause}: \n"));
    own.is_some_and(|(_, rest)| rest.lines().find(|line| !line.starts_with("    line ")).is_some_and(is_verdict))
}

fn is_verdict(line: &str) -> bool {
    matches!(line.trim(), "BROKEN" | "asleep for ever")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_is_known_by_its_name() {
        assert_eq!(names("    {\"1 a\", f},\n    {\"b's\", g},\n    {NULL, NULL},\n"), ["1 a", "b's"]);
    }

    #[test]
    fn only_the_clause_itself_counts() {
        assert!(is_broken("a: kept\nb: \n    line 1: not so: x\n    BROKEN\n", "b"));
        assert!(is_broken("b: \n    asleep for ever\n    BROKEN\n", "b"));
        assert!(!is_broken("a: \n    line 1: not so: x\n    BROKEN\nb: kept\n", "b"));
        assert!(!is_broken("", "b"));
    }
}
