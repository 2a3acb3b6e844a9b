//! The C interface, measured in a program of its own (`peers/c_interface.c`).

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::report::{Goal, Report};
use crate::sample::{Subject, measure};

struct Program {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Program {
    fn start(path: &str) -> Option<Self> {
        let mut child = Command::new(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let (input, output) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        Some(Self { child, input, output })
    }

    /// Does `subject` that many times; what the program says it took.
    fn ask(&mut self, subject: &str, times: u64) -> Option<Duration> {
        writeln!(self.input, "{subject} {times}").ok()?;
        let mut line = String::new();
        self.output.read_line(&mut line).ok()?;
        line.trim().parse().ok().map(Duration::from_nanos)
    }
}

/// The rows.
pub fn rows(report: &mut Report) {
    let Some(program) = option_env!("COCANCEL_C_PROGRAM").and_then(Program::start) else {
        return report.not_measured("the C interface", "run `cargo xtask bench`, which builds the C library first");
    };
    let program = RefCell::new(program);
    let subject = |name: &'static str| -> Subject<'_> {
        let program = &program;
        Box::new(move |n| match program.borrow_mut().ask(name, n) {
            Some(elapsed) => elapsed,
            None => panic!("the C program has failed at {name}"),
        })
    };
    let [test, native, load] = measure([subject("test"), subject("native_test"), subject("load")]);
    report.row("C: CoTestCancel / the loads in a function", &test, &load, Goal::AtMost(1.0));
    report.row("C: cocancel_test / the loads in a function", &native, &load, Goal::None);
    let [disabled, enabled, mutex] = measure([subject("disabled"), subject("enabled"), subject("mutex")]);
    report.row("C: call on an enabled thread / mutex pair", &enabled, &mutex, Goal::AtMost(1.0));
    report.row("C: call on a disabled thread / the loads in a function", &disabled, &load, Goal::None);

    let Program { mut child, input, .. } = program.into_inner();
    drop(input);
    let _ = child.wait();
}
