//! Steps: running them, counting what they did, and saying so.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::log::Log;
use crate::project::Project;
use crate::tools::Missing;

/// Numbers of tests.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Tests that did what they should.
    pub passed: usize,
    /// Tests that did not.
    pub failed: usize,
    /// Tests that did not run.
    pub skipped: usize,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// What a step did, when it did not end in an error (which is a failure).
pub enum Outcome {
    /// It is one test and passed.
    Passed,
    /// It ran test harnesses, with these results.
    Tests(Counts),
}

type Action = Box<dyn Fn(&Project, &mut Log) -> Result<Outcome>>;

/// One named part of the gate.
pub struct Step {
    /// Its name, also of its log.
    pub name: String,
    /// Whether it belongs to the quick gate.
    pub quick: bool,
    limit: Duration,
    action: Action,
}

impl Step {
    /// A step that may take ten minutes.
    pub fn new(name: impl Into<String>, action: impl Fn(&Project, &mut Log) -> Result<Outcome> + 'static) -> Self {
        Self { name: name.into(), quick: false, limit: Duration::from_secs(600), action: Box::new(action) }
    }

    /// Makes it part of the quick gate.
    pub fn quick(mut self) -> Self {
        self.quick = true;
        self
    }

    /// Gives it another limit.
    pub fn minutes(mut self, minutes: u64) -> Self {
        self.limit = Duration::from_secs(60 * minutes);
        self
    }
}

/// How a step ended.
enum Verdict {
    Counted(Counts),
    Failed(anyhow::Error),
    Skipped(String),
}

impl Verdict {
    fn of(result: Result<Outcome>, ci: bool) -> Self {
        match result {
            Ok(Outcome::Passed) => Self::Counted(Counts { passed: 1, ..Counts::default() }),
            Ok(Outcome::Tests(counts)) => Self::Counted(counts),
            Err(error) => match error.downcast::<Missing>() {
                Ok(missing) if !ci => Self::Skipped(missing.advice),
                Ok(missing) => Self::Failed(missing.into()),
                Err(error) => Self::Failed(error),
            },
        }
    }

    fn counts(&self) -> Counts {
        match self {
            Self::Counted(counts) => *counts,
            Self::Failed(_) => Counts { failed: 1, ..Counts::default() },
            Self::Skipped(_) => Counts { skipped: 1, ..Counts::default() },
        }
    }
}

/// Prints the steps.
pub fn list(steps: &[Step]) {
    for step in steps {
        println!("{}{}", step.name, if step.quick { "  (quick)" } else { "" });
    }
}

/// Runs the steps in their order and prints the report.
pub fn run(project: &Project, steps: Vec<Step>) -> Result<ExitCode> {
    anyhow::ensure!(!steps.is_empty(), "no step has this name; `--list` shows them");
    let ci = std::env::var_os("CI").is_some_and(|v| v == "true");
    let logs = project.scratch().join("logs");
    let mut total = Counts::default();
    let mut failures = Vec::new();
    for step in steps {
        let start = Instant::now();
        let mut log = Log::create(&logs, &step.name, step.limit)?;
        let verdict = Verdict::of((step.action)(project, &mut log), ci);
        let counts = verdict.counts();
        total += counts;
        let seconds = start.elapsed().as_secs_f32();
        print_step(&step.name, &verdict, seconds);
        if counts.failed > 0 {
            println!("--- {} ---", log.path().display());
            println!("{}", log.tail(400)?);
            if let Verdict::Failed(error) = &verdict {
                println!("{error:#}");
            }
            println!("--- end of {} ---", step.name);
            failures.extend(why(&step.name, &verdict, &log)?);
        }
    }
    // once more at the end: the logs above are long, and who keeps only a part of this output keeps its end
    for failure in &failures {
        println!("{failure}");
    }
    println!("{}", last_line(total));
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Why a step failed, in as few lines as tell it.
fn why(step: &str, verdict: &Verdict, log: &Log) -> Result<Vec<String>> {
    let mut reasons = log.failures().to_vec();
    match verdict {
        Verdict::Failed(error) => reasons.push(format!("{error:#}\n{}", log.last())),
        _ if reasons.is_empty() => reasons.push(log.tail(60)?),
        _ => {}
    }
    Ok(reasons.into_iter().map(|reason| format!("FAILED  {step}: {reason}")).collect())
}

fn print_step(name: &str, verdict: &Verdict, seconds: f32) {
    let word = match verdict {
        Verdict::Counted(counts) if counts.failed == 0 => "ok",
        Verdict::Counted(_) | Verdict::Failed(_) => "FAILED",
        Verdict::Skipped(_) => "skipped",
    };
    let detail = match verdict {
        Verdict::Counted(counts) => last_line(*counts),
        Verdict::Failed(error) => error.to_string().lines().next().unwrap_or("").to_owned(),
        Verdict::Skipped(why) => why.clone(),
    };
    println!("{word:<8}{name:<28}{seconds:>7.1} s   {detail}");
}

fn last_line(counts: Counts) -> String {
    let Counts { passed, failed, skipped } = counts;
    format!("{passed} passed, {failed} failed, {skipped} skipped")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_has_the_agreed_form() {
        let mut total = Counts::default();
        total += Verdict::of(Ok(Outcome::Passed), false).counts();
        total += Verdict::of(Ok(Outcome::Tests(Counts { passed: 5, failed: 2, skipped: 1 })), false).counts();
        total += Verdict::of(Err(anyhow::anyhow!("broken")), false).counts();
        assert_eq!(last_line(total), "6 passed, 3 failed, 1 skipped");
    }

    #[test]
    fn the_reason_of_a_failed_step_shows_what_its_last_command_printed() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::create(dir.path(), "publish", Duration::from_secs(60)).unwrap();
        let cmd = crate::exec::Cmd::new("sh").args(["-c", "echo no method of this name; exit 3"]);
        let verdict = Verdict::of(log.check(&cmd).map(|_| Outcome::Passed), true);
        let [reason] = &why("package publish", &verdict, &log).unwrap()[..] else { panic!("one reason") };
        assert!(reason.starts_with("FAILED  package publish: `sh -c"), "{reason}");
        assert!(reason.contains("\nno method of this name\n(exit status: 3)"), "{reason}");
    }

    #[test]
    fn a_missing_tool_is_skipped_at_home_and_fails_under_ci() {
        let missing = || {
            let advice = "needs: apt-get install spin".to_owned();
            Err(anyhow::Error::from(Missing { advice }))
        };
        assert_eq!(Verdict::of(missing(), false).counts().skipped, 1);
        assert_eq!(Verdict::of(missing(), true).counts().failed, 1);
    }
}
