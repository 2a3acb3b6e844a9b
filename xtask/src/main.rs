//! `cargo xtask`: builds, checks, tests and measures cocancel. `cargo xtask help` lists the commands.

mod bench;
mod boards;
mod c;
mod channel;
mod check;
mod counts;
mod coverage;
mod cross;
mod demo;
mod exec;
mod explained;
mod freertos;
mod fuzz;
mod harts;
mod header;
mod inspect;
mod interrupts;
mod log;
mod mutants;
mod mutate;
mod no_panic;
mod on_target;
mod package;
mod progress;
mod project;
mod report;
mod scale;
mod size;
mod soak;
mod spin;
mod suite;
mod tools;
mod windows;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::project::Project;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, checks, tests and measures cocancel")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the whole gate, or the steps whose name contains FILTER
    ///
    /// Prints a line for each step with its result and time; its output is kept in target/xtask/logs/STEP.log and shown
    /// when it fails. The last line printed is `N passed, N failed, N skipped`, counted from what really ran: a step that
    /// runs Rust test harnesses counts their tests (an ignored test is skipped), every other step counts 1.
    ///
    /// A tool that is missing is installed with apt-get when this runs as root on Debian; otherwise the step is skipped
    /// and named together with what to install. With CI=true in the environment a missing tool is a failure.
    Test {
        /// Only formatting, lints and the tests on real threads
        #[arg(long)]
        quick: bool,
        /// List the steps and run nothing
        #[arg(long)]
        list: bool,
        /// Run only the steps whose name contains this
        filter: Option<String>,
    },
    /// Checks of the source text: orderings, atomics, heap and locks, layers, defmt's types, words, lengths, links, claims of progress,
    /// commands that texts name
    Check,
    /// Writes include/*.h from ffi/src
    Header {
        /// Write nothing; fail and show the difference when a header is stale
        #[arg(long)]
        check: bool,
    },
    /// Breaks the code on purpose, one entry of tests/mutations.toml at a time, and expects its test to notice
    ///
    /// Works in a copy under target/mutate. The named tests must be green there before anything is broken; then each
    /// mutation must compile and turn its test red (failing, or running out of time). Takes about 10 seconds a mutation
    /// once built, and a minute or two for the first of each kind.
    Mutate {
        /// Only mutations whose name contains this
        name: Option<String>,
    },
    /// Has cargo-mutants change the library, one operator or function body at a time, and expects the tests to notice
    ///
    /// What survives is compared with tests/mutants-survivors.toml, which says why. Installs cargo-mutants under target/tools where it
    /// is not on the search path. About 1300 mutants: an hour and more; a file takes minutes.
    Mutants {
        /// Only the mutants of this file
        #[arg(long, value_name = "FILE")]
        file: Vec<String>,
        /// Only the mutants in what this diff adds or changes
        #[arg(long, value_name = "DIFF")]
        in_diff: Option<PathBuf>,
        /// Go on with a run that was interrupted; nothing may have changed since
        #[arg(long)]
        resume: bool,
    },
    /// Prints which lines, regions and branches of the library its tests execute, and the outcomes that none reaches
    ///
    /// Fails where one is not explained in tests/coverage-unreached.toml. Needs a nightly compiler with llvm-tools.
    Coverage,
    /// Builds the C programs of examples/rpc and runs the demonstration; its exit status is passed on
    Demo {
        /// File to which the demonstration writes its trace
        #[arg(long, value_name = "FILE")]
        trace: Option<PathBuf>,
        /// Name the scenes and play none
        #[arg(long)]
        list: bool,
        /// Play only this scene
        #[arg(long, value_name = "NAME")]
        scene: Option<String>,
        /// Builds and plays the cancelling channel of examples/com-channel under Wine instead
        #[arg(long, conflicts_with = "trace")]
        com: bool,
    },
    /// Writes docs/timeline.svg: the trace of one scene of the demonstration as a picture
    Timeline {
        /// The scene
        #[arg(long, value_name = "NAME", default_value = "grace-run-out")]
        scene: String,
    },
    /// Runs the programs of examples/boards on every board in the emulator and compares what they print
    Boards {
        /// Rewrite the files of expected output
        #[arg(long)]
        bless: bool,
    },
    /// Interrupts every operation at each of its instructions, in the emulator, and judges what comes of it
    Interrupts,
    /// Runs the fuzz targets of tests/fuzz, one after the other, with the reference model as the oracle
    ///
    /// Installs cargo-fuzz under target/tools where it is not on the search path. What the runs find goes to
    /// target/fuzz/found, and starts the next run.
    Fuzz {
        /// For so many minutes each
        #[arg(long, default_value_t = 10)]
        minutes: u32,
        /// Only this target
        target: Option<String>,
        /// Add to the corpus that is kept with the sources what reaches new code
        #[arg(long)]
        keep: bool,
    },
    /// Everything at once, on a clock that wraps: calls, cancels, threads and processes that end; nothing may be left
    ///
    /// A failure prints its seed and leaves the history in target/soak.
    Soak {
        /// For so many minutes
        #[arg(long, default_value_t = 60)]
        minutes: u64,
        /// Where chance begins; another one each time if this is not given
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Races every operation on two cores, in the emulator, and judges the histories
    Harts,
    /// Writes docs/footprint.md: bytes, stacks and instructions on boards
    Size {
        /// Write nothing; compare, and fail where a figure is not as it must be
        #[arg(long)]
        check: bool,
    },
    /// Builds the firmware of examples/freertos, prints its sizes, and runs it and the port-conformance suite in the emulator
    Freertos {
        /// Rewrite the file of expected output
        #[arg(long)]
        bless: bool,
    },
    /// Runs the tests of an ELF file of tests/on-target in the emulator; `cargo test` there calls it
    OnTarget {
        /// The emulator's machine
        machine: String,
        /// The file with the tests
        elf: PathBuf,
        /// Only tests whose name contains this
        filter: Option<String>,
    },
    /// Builds what is released for each target, into target/dist: libraries, headers, licences, a manifest, checksums
    ///
    /// Without TARGET all of them, which takes long.
    Dist {
        /// Only targets whose name contains this: windows, linux, thumbv7m, ...
        target: Option<String>,
    },
    /// Builds the library for Linux with musl and for Linux on 64-bit ARM, and runs the programs of tests/c there
    Linux {
        /// Only targets whose name contains this
        target: Option<String>,
    },
    /// Installs the library for this machine: headers, archive, shared library, and what pkg-config and CMake read
    Install {
        /// Where the files will be found
        #[arg(long, default_value = "/usr/local")]
        prefix: PathBuf,
        /// The folder of the libraries, named from the prefix
        #[arg(long, default_value = "lib")]
        libdir: PathBuf,
        /// A folder to gather the tree in, put before the prefix
        #[arg(long)]
        destdir: Option<PathBuf>,
    },
    /// Compares the interface that programs were compiled against with packaging/abi.txt
    Abi {
        /// Write the file; refused where more than additions changed
        #[arg(long)]
        bless: bool,
        /// With --bless: also what breaks programs that were compiled before
        #[arg(long, requires = "bless")]
        breaking: bool,
    },
    /// Checks licences, sources and bans of the dependencies, with cargo-deny
    ///
    /// Installs cargo-deny under target/tools where it is not on the search path.
    Deny,
    /// Counts what each operation of the C interface executes, under callgrind, and compares with bench/counts.json
    Counts {
        /// Rewrite bench/counts.json
        #[arg(long)]
        bless: bool,
    },
    /// Writes docs/scale.md: few and many calls, threads and cores, counted, measured and simulated
    ///
    /// Takes some ten minutes. The counts are the same everywhere; the times want a quiet machine.
    Scale {
        /// So many threads end and begin, with each kind of ids
        #[arg(long, default_value_t = 100_000_000)]
        churn: u64,
    },
    /// Runs `cargo bench` on the benchmarks
    Bench {
        /// Write docs/performance.md with its plots, with the counted figures beside the measured ones
        #[arg(long)]
        report: bool,
        /// Passed on to cargo bench
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    exec::end_children_on_interrupt()?;
    let project = Project::find()?;
    match cli.command {
        Command::Test { quick, list, filter } => {
            let steps = suite::select(suite::steps(&project)?, quick, filter.as_deref());
            if list {
                report::list(&steps);
                return Ok(ExitCode::SUCCESS);
            }
            report::run(&project, steps)
        }
        Command::Check => check::command(&project),
        Command::Header { check } => header::command(&project, check),
        Command::Mutants { file, in_diff, resume } => {
            mutants::command(&project, &mutants::Choice { files: file, in_diff, resume })
        }
        Command::Coverage => coverage::command(&project),
        Command::Mutate { name } => mutate::command(&project, name.as_deref()),
        Command::Demo { com: true, list, scene, .. } => channel::command(&project, list, scene.as_deref()),
        Command::Demo { trace, list, scene, .. } => demo::command(&project, trace.as_deref(), list, scene.as_deref()),
        Command::Timeline { scene } => demo::timeline(&project, &scene),
        Command::Boards { bless } => boards::command(&project, bless),
        Command::Interrupts => interrupts::command(&project),
        Command::Soak { minutes, seed } => soak::command(&project, minutes, seed),
        Command::Harts => harts::command(&project),
        Command::Size { check } => size::command(&project, check),
        Command::Freertos { bless } => freertos::command(&project, bless),
        Command::OnTarget { machine, elf, filter } => on_target::command(&project, machine, &elf, filter.as_deref()),
        Command::Dist { target } => package::dist(&project, target.as_deref()),
        Command::Linux { target } => package::linux(&project, target.as_deref()),
        Command::Install { prefix, libdir, destdir } => {
            package::install(&project, &prefix, &libdir, destdir.as_deref())
        }
        Command::Deny => package::deny(&project),
        Command::Abi { bless, breaking } => package::abi(&project, bless, breaking),
        Command::Counts { bless } => counts::command(&project, bless),
        Command::Fuzz { minutes, target, keep } => fuzz::command(&project, minutes, target.as_deref(), keep),
        Command::Scale { churn } => scale::command(&project, churn),
        Command::Bench { report, args } => bench::command(&project, report, &args),
    }
}
