//! Prints the calls of a dump that a debugger took (see the README beside it).

use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;

#[derive(Parser)]
#[command(about = "Prints the calls of a dump that gdb took with `cocancel dump FILE`")]
struct Cli {
    /// The dump; `-` for the standard input
    dump: PathBuf,
    /// The port's tick at the moment that counts, in milliseconds, in place of the dump's own
    #[arg(long)]
    now: Option<u32>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let text = if cli.dump.as_os_str() == "-" {
        cocancel_inspect::dump::show(io::stdin().lock(), cli.now)?
    } else {
        let file = File::open(&cli.dump).with_context(|| cli.dump.display().to_string())?;
        cocancel_inspect::dump::show(BufReader::new(file), cli.now)?
    };
    print!("{text}");
    Ok(())
}
