//! Everything at once: clients, servers, cancellers and threads that end, on a clock that wraps, beside processes that are killed. What came
//! of each call is judged, pieces of the histories are searched for an order that the reference model accepts, and after each epoch nothing
//! is left. `cargo xtask soak` runs it.

mod coverage;
mod epoch;
#[cfg(test)]
mod falsified;
mod judge;
mod load;
mod port;
mod resources;
mod run;
mod windows;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{ExitCode, exit};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{fs, panic};

use clap::Parser;
use cocancel_host_tests::history::table;

use coverage::Coverage;
use epoch::{Entry, Inside};
use resources::{Counting, Resources};
use run::{Processes, Size, run};
use windows::Checked;
// the transport of examples/rpc calls the library by its C names
use cocancel_c_api as _;

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

/// So many more allocations than after the second epoch may live: tables that grow with the number of threads that were there at once.
const GROWTH: i64 = 64;

#[derive(Parser)]
struct Args {
    /// The program that serves
    #[arg(long)]
    server: PathBuf,
    /// Where a failure is left
    #[arg(long)]
    out: PathBuf,
    /// For so many minutes; else for so many epochs
    #[arg(long, conflicts_with = "epochs")]
    minutes: Option<u64>,
    /// So many epochs
    #[arg(long, default_value_t = 12)]
    epochs: u32,
    /// Calls in each
    #[arg(long, default_value_t = 1500)]
    calls: u32,
    /// Server processes killed in each
    #[arg(long, default_value_t = 8)]
    kills: u32,
    /// One in so many pieces of the histories is held against the model
    #[arg(long, default_value_t = 1)]
    one_in: u32,
    /// Where chance begins
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

static ARGS: OnceLock<Args> = OnceLock::new();

fn main() -> ExitCode {
    let args = ARGS.get_or_init(Args::parse);
    println!("seed {}", args.seed);
    panic::set_hook(Box::new(|panicked| {
        let (entries, inside) = epoch::recorded_last();
        fail(&panicked.to_string(), &entries, &inside);
    }));
    let started = Instant::now();
    let is_over = |epoch: u32| match args.minutes {
        Some(minutes) => started.elapsed() > Duration::from_secs(60 * minutes),
        None => epoch >= args.epochs,
    };
    let size = Size { calls: args.calls, kills: args.kills };
    let mut seeds = fastrand::Rng::with_seed(args.seed);
    let (mut coverage, mut processes, mut checked) = (Coverage::default(), Processes::default(), Checked::default());
    let (mut judged, mut second, mut grown, mut worst) = (0, None, None, 0);
    let mut epoch = 0;
    while !is_over(epoch) {
        // so near the wrap that timeouts reach across it
        let first = u32::MAX - seeds.u32(500..20_000);
        let done = run(seeds.u64(..), first, size, &args.server, &mut processes);
        let entries = &done.entries;
        if let Some(error) = done.error {
            fail(&format!("epoch {epoch}: {error}"), entries, &[]);
        }
        match judge::judge(entries) {
            Ok(lives) => judged += lives,
            Err(error) => fail(&format!("epoch {epoch}: {error}"), entries, &[]),
        }
        match windows::check(entries, args.one_in, &mut seeds) {
            Ok(Checked { calls, windows, undecided }) => {
                checked.calls += calls;
                checked.windows += windows;
                checked.undecided += undecided;
            }
            Err(error) => fail(&format!("epoch {epoch}: {error}"), entries, &[]),
        }
        coverage.add(entries);
        coverage.count("thread lives", done.lives.into());
        coverage.count("ticks", done.ticks.into());
        coverage.count("servers told", done.told);
        coverage.count("wraps of the tick", 1);
        drop(done.entries);
        epoch::forget_last();
        epoch += 1;
        let now = Resources::now(&ALLOCATOR);
        // the first epoch starts what stays: standard output's buffer, the parking lot's table
        if epoch == 2 {
            second = Some(now);
        }
        if let Some(second) = second {
            worst = worst.max(now.allocations - second.allocations);
            if worst > GROWTH {
                fail(&format!("epoch {epoch}: {now:?}, after the second {second:?}: allocations are left"), &[], &[]);
            }
            if (now.descriptors, now.threads) != (second.descriptors, second.threads) {
                fail(&format!("epoch {epoch}: {now:?}, after the second {second:?}"), &[], &[]);
            }
        }
        // the histories of the first epochs make the heap as large as it will be
        if epoch == 64 {
            grown = Some(now.resident);
        }
        if let Some(grown) = grown.filter(|grown| now.resident > 4 * grown) {
            fail(&format!("epoch {epoch}: {now:?}, but {grown} KiB after the 64th"), &[], &[]);
        }
        if epoch.is_power_of_two() || epoch % 100 == 0 {
            println!("{epoch} epochs, {} s, {now:?}", started.elapsed().as_secs());
        }
    }
    let Processes { killed, replies, canceled, cancels, died } = processes;
    println!(
        "{coverage}server processes killed: {killed}; their clients' calls: {replies} replies, {canceled} canceled by {cancels} cancels, {died} failed"
    );
    println!("{judged} calls with a slot judged; {worst} more allocations than after the second epoch at most");
    let Checked { calls, windows, undecided } = checked;
    println!(
        "{calls} of {} calls on threads ({} %) in {windows} pieces of history held against the model, {undecided} undecided",
        coverage.begun(),
        calls as u64 * 100 / coverage.begun().max(1)
    );
    let missing = coverage.missing();
    if !missing.is_empty() {
        println!("never seen: {}", missing.join(", "));
        return ExitCode::FAILURE;
    }
    println!("{epoch} epochs in {} s: nothing left", started.elapsed().as_secs());
    ExitCode::SUCCESS
}

/// Says what is wrong, leaves the history, and ends the program.
fn fail(what: &str, entries: &[Entry], inside: &[Inside]) -> ! {
    let args = ARGS.get().expect("read first");
    let mut text = format!("seed {}: {what}\n", args.seed);
    println!("{text}");
    for Inside { thread, op, invoked, .. } in inside {
        let _ = writeln!(text, "{invoked:>4} to ....  thread {thread}  {op:?}");
    }
    let history: Vec<_> = entries.iter().map(|entry| entry.recorded.clone()).collect();
    text += &table(&history);
    let file = args.out.join(format!("failed-{}.txt", args.seed));
    match fs::create_dir_all(&args.out).and_then(|()| fs::write(&file, text)) {
        Ok(()) => println!("the history: {}", file.display()),
        Err(error) => println!("the history could not be written: {error}"),
    }
    exit(1)
}
