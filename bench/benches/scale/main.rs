//! Few and many: `cargo xtask scale` runs it twice, once to count and once to measure and simulate.

#[cfg(cocancel_steps)]
mod churn;
#[cfg(cocancel_steps)]
mod counted;
mod many;
mod operations;
mod text;

// times are not those of the library where it counts
#[cfg(not(cocancel_steps))]
mod cores;
#[cfg(not(cocancel_steps))]
mod measured;
#[cfg(not(cocancel_steps))]
mod model;
#[cfg(not(cocancel_steps))]
mod page;
#[cfg(not(cocancel_steps))]
mod picture;
#[cfg(not(cocancel_steps))]
mod simulation;
#[cfg(not(cocancel_steps))]
mod workloads;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// cargo adds this
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Counts atomic operations and probes, and fails where more of them are needed the more there is
    #[cfg(cocancel_steps)]
    Count {
        /// So many threads end and begin
        #[arg(long)]
        churn: u64,
    },
    /// Measures and simulates, and writes docs/scale.md
    #[cfg(not(cocancel_steps))]
    Measure {
        /// The folder of scale.md
        #[arg(long)]
        docs: std::path::PathBuf,
        /// What was counted
        #[arg(long)]
        counted: std::path::PathBuf,
    },
}

#[cfg(cocancel_steps)]
fn main() {
    let Command::Count { churn } = Cli::parse().command;
    counted::command(churn);
}

#[cfg(not(cocancel_steps))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Command::Measure { docs, counted } = Cli::parse().command;
    let mut parts = vec![
        ("memory", measured::memory()),
        ("counted", format!("```text\n{}\n```", std::fs::read_to_string(counted)?.trim_end())),
        ("measured", measured::operations()),
        ("simulated", simulation::report(&docs)?),
    ];
    let machine = cocancel_bench::machine::machine();
    let machine: Vec<String> = machine.iter().map(|(what, value)| format!("| {what} | {} |\n", value.trim())).collect();
    parts.push(("machine", format!("| | |\n|---|---|\n{}", machine.concat())));
    for (name, text) in &parts {
        println!("\n{name}\n\n{text}");
    }
    page::write(&docs, &parts)
}
