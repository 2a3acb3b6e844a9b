//! Times and bytes, as ratios against 8.

use std::fs;

use cocancel_bench::sample::{Series, measure_all, quantile};
use comfy_table::Table;

use crate::many::{Many, bytes};
use crate::operations::{ALL, Grows};
use crate::text::{grouped, table};

/// What the tables of so many take, by their sizes and by what the process grew.
pub fn memory() -> String {
    let mut sizes = table(["of what".to_owned(), "bytes".to_owned()]);
    for (what, bytes) in bytes() {
        sizes.add_row([what.to_owned(), bytes.to_string()]);
    }
    let [call, thread, cells, _] = bytes().map(|(_, bytes)| bytes as u64);
    let mut totals = table(["calls", "threads", "bytes of the tables", "the process grew by"].map(str::to_owned));
    for (calls, threads) in [(8, 8), (1024, 1024), (65_536, 65_536), (1_000_000, 65_536)] {
        let before = resident();
        // written once, so that the system has to give the memory
        let many = Many::new(calls, threads);
        many.enlist();
        let grew = resident().saturating_sub(before);
        let tables = calls as u64 * call + threads as u64 * (thread + cells);
        totals.add_row([grouped(calls as u64), grouped(threads as u64), grouped(tables), grouped(grew)]);
    }
    format!("{sizes}\n\n{totals}")
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    // SAFETY: nothing is passed
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages.unwrap_or(0) * page.unsigned_abs()
}

/// Every operation at every size.
pub fn operations() -> String {
    let [threads, slots] =
        [(Grows::Threads, "threads"), (Grows::Slots, "slots")].map(|(grows, unit)| operations_of(grows, unit));
    format!("{threads}\n\n{slots}")
}

fn operations_of(grows: Grows, unit: &str) -> Table {
    let (first, others) = grows.sizes().split_at(1);
    let larger = others.iter().map(|size| format!("{} / {}", grouped(*size as u64), first[0]));
    let names = ["operation".to_owned(), format!("ns, {} {unit}", first[0])].into_iter();
    let mut table = table(names.chain(larger));
    for operation in ALL.iter().filter(|operation| operation.grows == grows) {
        let mut subjects: Vec<_> = grows.sizes().iter().map(|size| (operation.make)(*size)).collect();
        let series = measure_all(&mut subjects);
        let larger = series[1..].iter().map(|many| spread(&ratios(many, &series[0])));
        let cells = [operation.name.to_owned(), spread(&series[0].0)].into_iter().chain(larger);
        table.add_row(cells);
    }
    table
}

/// The quotients of samples taken side by side.
fn ratios(many: &Series, few: &Series) -> Vec<f64> {
    many.0.iter().zip(&few.0).map(|(many, few)| many / few).collect()
}

/// Median and quarters.
pub fn spread(values: &[f64]) -> String {
    if values.is_empty() {
        return "not measured".to_owned();
    }
    let [low, middle, high] = [0.25, 0.5, 0.75].map(|share| quantile(values, share));
    format!("{middle:.2} ({low:.2} to {high:.2})")
}
