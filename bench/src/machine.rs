//! What a machine says of itself.

use std::fs;
use std::process::Command;

/// Its processor, memory, system, load, and the compilers.
#[must_use]
pub fn machine() -> Vec<(&'static str, String)> {
    let said = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned())
    };
    let from = |file: &str, key: &str| {
        let text = fs::read_to_string(file).ok()?;
        Some(text.lines().find(|line| line.starts_with(key))?.split_once(':')?.1.trim().to_owned())
    };
    let cpus = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let unknown = || "unknown".to_owned();
    vec![
        ("processor", from("/proc/cpuinfo", "model name").unwrap_or_else(unknown)),
        ("processors to run on", cpus),
        ("memory", from("/proc/meminfo", "MemTotal").unwrap_or_else(unknown)),
        ("system", said("uname", &["-sm"]).unwrap_or_else(unknown)),
        (
            "load at the end of the run (1, 5, 15 minutes)",
            fs::read_to_string("/proc/loadavg").unwrap_or_else(|_| unknown()),
        ),
        ("C library", said("ldd", &["--version"]).unwrap_or_else(unknown)),
        ("rustc", said("rustc", &["--version"]).unwrap_or_else(unknown)),
        ("C compiler", said("cc", &["--version"]).unwrap_or_else(unknown)),
    ]
}
