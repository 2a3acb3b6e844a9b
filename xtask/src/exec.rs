//! Running other programs: one command, its output in one file, a limit on its time.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

/// A program to run, with everything that it is given.
#[derive(Clone)]
pub struct Cmd {
    program: OsString,
    args: Vec<OsString>,
    dir: Option<PathBuf>,
    env: Vec<(String, OsString)>,
    unset: Vec<&'static str>,
    output: Option<PathBuf>,
}

impl Cmd {
    /// A run of `program`, found on the search path.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref().to_owned();
        Self { program, args: Vec::new(), dir: None, env: Vec::new(), unset: Vec::new(), output: None }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets the working directory.
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Takes an environment variable away.
    pub fn unset(mut self, name: &'static str) -> Self {
        self.unset.push(name);
        self
    }

    /// Sends its standard output, and only that, to a file of its own.
    pub fn output(mut self, file: impl Into<PathBuf>) -> Self {
        self.output = Some(file.into());
        self
    }

    fn expression(&self) -> duct::Expression {
        let mut e = duct::cmd(&self.program, &self.args).unchecked();
        if let Some(dir) = &self.dir {
            e = e.dir(dir);
        }
        for (name, value) in &self.env {
            e = e.env(name, value);
        }
        for name in &self.unset {
            e = e.env_remove(name);
        }
        if let Some(file) = &self.output {
            e = e.stdout_path(file);
        }
        e
    }

    /// Runs with this process' own input and output.
    pub fn run_attached(&self) -> Result<ExitStatus> {
        let output = self.expression().run().with_context(|| format!("cannot run `{self}`"))?;
        Ok(output.status)
    }

    /// Runs to the end and gives what it prints on its standard output; a failure is an error.
    pub fn read(&self) -> Result<String> {
        let output = self
            .expression()
            .stdin_null()
            .stdout_capture()
            .stderr_capture()
            .run()
            .with_context(|| format!("cannot run `{self}`"))?;
        anyhow::ensure!(
            output.status.success(),
            "`{self}` failed ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs with all output appended to `file`. `None` when `limit` ran out: then the program and all that it
    /// started have been killed.
    pub fn run_into(&self, file: &File, limit: Duration) -> Result<Option<ExitStatus>> {
        let handle = self
            .expression()
            .stdin_null()
            .stderr_to_stdout()
            .stdout_file(file.try_clone()?)
            // A group of its own, so that the grandchildren (a test binary under cargo) can be killed with it.
            .before_spawn(|c| {
                c.process_group(0);
                Ok(())
            })
            .start()
            .with_context(|| format!("cannot run `{self}`"))?;
        let group = Group::enter(handle.pids());
        let status = handle.wait_timeout(limit)?.map(|output| output.status);
        if status.is_none() {
            group.kill();
            handle.wait()?;
        }
        Ok(status)
    }
}

impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            write!(f, "{name}='{}' ", value.to_string_lossy())?;
        }
        write!(f, "{}", self.program.to_string_lossy())?;
        for arg in &self.args {
            write!(f, " {}", arg.to_string_lossy())?;
        }
        Ok(())
    }
}

/// Process groups that are running now.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// One running process group, taken off the list when it is dropped.
struct Group(Vec<Pid>);

impl Group {
    fn enter(pids: Vec<u32>) -> Self {
        let pids: Vec<Pid> = pids.into_iter().filter_map(|p| i32::try_from(p).ok().and_then(Pid::from_raw)).collect();
        RUNNING.lock().expect("no panic under this lock").extend(&pids);
        Self(pids)
    }

    fn kill(&self) {
        for pid in &self.0 {
            // An error says that the group is gone already.
            let _ = kill_process_group(*pid, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        RUNNING.lock().expect("no panic under this lock").retain(|pid| !self.0.contains(pid));
    }
}

/// Ctrl-C reaches only the terminal's foreground group, and the children have groups of their own: pass it on.
pub fn end_children_on_interrupt() -> Result<()> {
    ctrlc::set_handler(|| {
        for pid in RUNNING.lock().expect("no panic under this lock").iter() {
            let _ = kill_process_group(*pid, Signal::KILL);
        }
        std::process::exit(130);
    })?;
    Ok(())
}
