//! cocancel against its peers, all measured in this run: `cargo xtask bench`, or `cargo bench -p cocancel-bench --bench budgets` without
//! the rows of the C interface. Arguments after `--` choose groups of rows: bracket, test, c, lookup, scaling, release, others.

mod bracket;
mod c_interface;
mod document;
mod lookup;
mod peers;
mod release;
mod report;
mod scaling;
mod synthetic;
mod test_cancel;

use std::env;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use cocancel_bench::{affinity, sample};
use tokio_util::sync::CancellationToken;

use crate::report::Report;
use crate::sample::{Subject, barrier, each, measure};

/// Measures one group of rows.
type Rows = fn(&mut Report);

fn main() {
    // glibc leaves the atomics of a mutex out while a process has one thread only
    let (_keep, ended) = channel::<()>();
    thread::spawn(move || ended.recv());

    const GROUPS: [(&str, Rows); 7] = [
        ("bracket", bracket::rows),
        ("test", test_cancel::rows),
        ("c", c_interface::rows),
        ("lookup", lookup::rows),
        ("scaling", scaling::rows),
        ("release", release::rows),
        ("others", others),
    ];
    // cargo adds options of its own
    let chosen: Vec<_> = env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let mut report = Report::new();
    for (name, rows) in GROUPS {
        if chosen.is_empty() || chosen.iter().any(|chosen| chosen == name) {
            report.begin(name);
            rows(&mut report);
        }
    }
    report.print();
    // `cargo xtask bench --report` sets both
    if let Some(docs) = env::var_os("COCANCEL_REPORT") {
        let counts = env::var_os("COCANCEL_COUNTS").and_then(|file| std::fs::read_to_string(file).ok());
        if let Err(error) = report.document(Path::new(&docs), counts.as_deref()) {
            panic!("the report cannot be written: {error}");
        }
    }
}

/// Peers that have no budget of their own.
fn others(report: &mut Report) {
    let token = CancellationToken::new();
    let [load, testcancel, callback, stop, polled, canceled] = measure([
        bracket::thread_local_load(),
        peers::testcancel(),
        peers::stop_callback(),
        peers::request_stop(),
        each(|| {
            barrier(&token);
            assert!(!token.is_cancelled());
        }),
        tokio_cancel(),
    ]);
    report.other("thread-local load", &load);
    report.other("pthread_testcancel", &testcancel);
    report.other("stop_callback made and destroyed", &callback);
    report.other("stop_source::request_stop", &stop);
    report.other("tokio CancellationToken::is_cancelled", &polled);
    report.other("tokio CancellationToken::cancel", &canceled);
    glib(report);
}

fn tokio_cancel() -> Subject<'static> {
    Box::new(|n| {
        let tokens: Vec<_> = (0..n).map(|_| CancellationToken::new()).collect();
        let start = Instant::now();
        for token in &tokens {
            token.cancel();
        }
        start.elapsed()
    })
}

#[cfg(has_glib)]
fn glib(report: &mut Report) {
    let [polled, pushed, canceled] = measure([peers::g_is_cancelled(), peers::g_push_pop(), peers::g_cancel()]);
    report.other("g_cancellable_get_current + is_cancelled", &polled);
    report.other("g_cancellable_push_current + pop_current", &pushed);
    report.other("g_cancellable_cancel", &canceled);
}

#[cfg(not(has_glib))]
fn glib(report: &mut Report) {
    report.other_not_measured("GCancellable (libglib2.0-dev is not installed)");
}
