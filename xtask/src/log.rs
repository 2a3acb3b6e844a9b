//! The log of one step: what ran and what it printed.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::exec::Cmd;

/// A step's log file and the time by which the step must be over.
pub struct Log {
    path: PathBuf,
    file: File,
    deadline: Instant,
    /// The end of what the last command printed, and how it ended.
    last: String,
    failures: Vec<String>,
}

/// How many lines of a command say why it failed.
const ENOUGH: usize = 40;

/// What became of a command.
pub struct Done {
    /// Its exit status; `None` when it was killed because its time was over.
    pub status: Option<ExitStatus>,
    /// Everything it printed, standard error included.
    pub output: String,
}

impl Done {
    /// Whether it ended by itself with status 0.
    pub fn success(&self) -> bool {
        self.status.is_some_and(|s| s.success())
    }
}

impl Log {
    /// Starts `dir/NAME.log` anew.
    pub fn create(dir: &Path, name: &str, limit: Duration) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let path = dir.join(format!("{}.log", name.replace([' ', '/'], "-")));
        let file = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        let deadline = Instant::now() + limit;
        Ok(Self { path, file, deadline, last: String::new(), failures: Vec::new() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line of the step's own.
    pub fn line(&mut self, text: impl AsRef<str>) -> Result<()> {
        writeln!(self.file, "{}", text.as_ref())?;
        Ok(())
    }

    /// Notes that something failed after which the step goes on: why stands in `what`, or in what the last command printed. Who
    /// reads only the end of the gate's output finds it there.
    pub fn failed(&mut self, what: impl AsRef<str>) -> Result<()> {
        let what = what.as_ref();
        self.line(format!("FAILED: {what}"))?;
        self.failures.push(format!("{what}\n{}", self.last));
        Ok(())
    }

    /// The last command, the end of what it printed, and how it ended when that was no success.
    pub fn last(&self) -> &str {
        &self.last
    }

    /// What was noted as failed.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Runs a command, which may fail, for as long as the step has left.
    pub fn run(&mut self, cmd: &Cmd) -> Result<Done> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        self.run_within(cmd, left)
    }

    /// Runs a command, which may fail, for at most `limit`.
    pub fn run_within(&mut self, cmd: &Cmd, limit: Duration) -> Result<Done> {
        self.line(format!("$ {cmd}"))?;
        let start = self.file.stream_position()?;
        let status = cmd.run_into(&self.file, limit)?;
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(start))?;
        self.file.read_to_end(&mut bytes)?;
        let output = String::from_utf8_lossy(&bytes).into_owned();
        let end = match status {
            Some(status) if status.success() => None,
            Some(status) => Some(format!("({status})")),
            None => Some(format!("(killed after {} s)", limit.as_secs())),
        };
        if let Some(end) = &end {
            self.line(end)?;
        }
        self.last = format!("$ {cmd}\n{}\n{}", last_lines(&output, ENOUGH), end.unwrap_or_default());
        Ok(Done { status, output })
    }

    /// Runs a command that must succeed; gives what it printed.
    pub fn check(&mut self, cmd: &Cmd) -> Result<String> {
        let done = self.run(cmd)?;
        match done.status {
            Some(status) if status.success() => Ok(done.output),
            Some(status) => bail!("`{cmd}` failed ({status})"),
            None => bail!("`{cmd}` was killed: the time of the step was over"),
        }
    }

    /// The last `lines` lines.
    pub fn tail(&self, lines: usize) -> Result<String> {
        let bytes = fs::read(&self.path)?;
        Ok(last_lines(&String::from_utf8_lossy(&bytes), lines))
    }
}

fn last_lines(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(dir: &tempfile::TempDir) -> Log {
        Log::create(dir.path(), "test", Duration::from_secs(60)).unwrap()
    }

    #[test]
    fn output_is_given_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(&dir);
        let shell = |script: &str| Cmd::new("sh").args(["-c", script]);
        assert_eq!(log.check(&shell("echo one; echo two >&2")).unwrap(), "one\ntwo\n");
        assert_eq!(log.check(&shell("echo three")).unwrap(), "three\n");
        assert!(log.check(&shell("exit 3")).is_err());
        assert!(log.tail(3).unwrap().starts_with("three\n$ sh"));
        assert!(log.tail(1).unwrap().contains("status: 3"));
    }

    #[test]
    fn a_failure_is_kept_with_what_was_printed() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(&dir);
        let command = Cmd::new("sh").args(["-c", "echo too early; exit 3"]);
        assert!(!log.run(&command).unwrap().success());
        assert!(log.failures().is_empty(), "a command may fail");
        log.failed("the clock").unwrap();
        log.run(&Cmd::new("true")).unwrap();
        let [failure] = log.failures() else { panic!("one") };
        assert!(failure.starts_with("the clock\n$ sh"), "{failure}");
        assert!(failure.contains("too early\n(exit status: 3)"), "{failure}");
        assert!(log.tail(9).unwrap().contains("FAILED: the clock"));
    }

    #[test]
    fn a_command_out_of_time_is_killed_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(&dir);
        let cmd = Cmd::new("sh").args(["-c", "sleep 1000 & echo $!; wait"]);
        let done = log.run_within(&cmd, Duration::from_millis(500)).unwrap();
        assert!(done.status.is_none());
        let child: i32 = done.output.trim().parse().unwrap();
        // Killed, though perhaps not yet collected by whoever inherited it. The signal arrives a little later.
        let alive = || {
            let stat = fs::read_to_string(format!("/proc/{child}/stat"));
            stat.is_ok_and(|s| !s.contains(") Z "))
        };
        let start = Instant::now();
        while alive() {
            assert!(start.elapsed() < Duration::from_secs(60), "the child lives on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
