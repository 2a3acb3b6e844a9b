//! Prints the calls of a dump that a debugger took, or of a board's log (see the README beside it).

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Parser;

#[derive(Parser)]
#[command(about = "Prints the calls of a dump that gdb took with `cocancel dump FILE`, or of a board's log")]
struct Cli {
    /// The dump, or the log; `-` for the standard input
    file: PathBuf,
    /// It is a log with records of `cocancel::defmt::log_calls`, decoded by probe-rs or defmt-print; each is shown as it comes
    #[arg(long)]
    log: bool,
    /// The port's tick at the moment that counts, in milliseconds, in place of the dump's own
    #[arg(long, conflicts_with = "log")]
    now: Option<u32>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let input: Box<dyn BufRead> = if cli.file.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(&cli.file).with_context(|| cli.file.display().to_string())?))
    };
    if cli.log {
        let records = cocancel_inspect::log::show(input, &mut io::stdout().lock())?;
        ensure!(records > 0, "no record of calls in this log");
    } else {
        print!("{}", cocancel_inspect::dump::show(input, cli.now)?);
    }
    Ok(())
}
