//! How much storage a runtime on a board needs: what a C compiler makes of the header's macro.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSymbol};

use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::tools;

/// Calls and threads in the table.
const CAPACITIES: [(u64, u64); 6] = [(1, 1), (2, 2), (4, 4), (8, 4), (16, 8), (32, 16)];
/// Of these a formula is made.
const UNITS: [(u64, u64); 3] = [(0, 0), (1, 0), (0, 1)];

/// Bytes, without COM or with it.
pub struct Storage {
    /// A runtime without its tables.
    pub runtime: u64,
    pub call: u64,
    pub thread: u64,
    /// By calls and threads.
    sizes: BTreeMap<(u64, u64), u64>,
}

impl Storage {
    /// Compiles an array of each capacity.
    pub fn measure(project: &Project, log: &mut Log, com: bool) -> Result<Self> {
        tools::need(&[&tools::ARM_GCC, &tools::NEWLIB])?;
        let folder = project.scratch().join("size");
        fs::create_dir_all(&folder)?;
        let [source, object] = ["storage.c", "storage.o"].map(|name| folder.join(name));
        fs::write(&source, text()?)?;
        let compile = Cmd::new(tools::ARM_GCC.name)
            .args(["-mcpu=cortex-m3", "-mthumb", "-Werror", "-c"])
            .args((!com).then_some("-DCOCANCEL_NATIVE_ONLY"))
            .arg("-I")
            .arg(project.root.join("include"))
            .arg(&source)
            .arg("-o")
            .arg(&object);
        log.check(&compile)?;
        let bytes = fs::read(&object)?;
        let symbols = object::File::parse(&*bytes)?
            .symbols()
            .map(|s| (s.name().unwrap_or_default().to_owned(), s.size()))
            .collect();
        Self::of(&symbols)
    }

    /// By the names and sizes of the arrays.
    fn of(symbols: &BTreeMap<String, u64>) -> Result<Self> {
        let size = |(calls, threads)| {
            let name = name(calls, threads);
            symbols.get(&name).copied().with_context(|| format!("no {name} was compiled"))
        };
        let [runtime, call, thread] = UNITS.map(size);
        let runtime = runtime?;
        let sizes = CAPACITIES.into_iter().map(|capacity| Ok((capacity, size(capacity)?))).collect::<Result<_>>()?;
        let storage = Self { runtime, call: call? - runtime, thread: thread? - runtime, sizes };
        for ((calls, threads), size) in &storage.sizes {
            let formula = runtime + calls * storage.call + threads * storage.thread;
            ensure!(formula == *size, "{size} bytes for {calls} calls and {threads} threads, {formula} by the formula");
        }
        Ok(storage)
    }

    /// For a capacity of the table.
    pub fn size(&self, calls: u64, threads: u64) -> Result<u64> {
        self.sizes
            .get(&(calls, threads))
            .copied()
            .with_context(|| format!("{calls} calls and {threads} threads are not in the table"))
    }

    fn formula(&self) -> String {
        let Self { runtime, call, thread, .. } = self;
        format!("{runtime} + {call} × calls + {thread} × threads")
    }
}

fn name(calls: u64, threads: u64) -> String {
    format!("storage_{calls}_{threads}")
}

fn text() -> Result<String> {
    let mut text = String::from("#include \"cocancel.h\"\n");
    for (calls, threads) in UNITS.into_iter().chain(CAPACITIES) {
        writeln!(text, "COCANCEL_STORAGE({}, {calls}, {threads});", name(calls, threads))?;
    }
    Ok(text)
}

/// The section of the page.
pub fn section(page: &mut String, native: &Storage, com: &Storage) -> Result<()> {
    writeln!(
        page,
        "\n## Storage\n\nBytes that the program gives: the size of `COCANCEL_STORAGE(name, calls, threads)` as compiled for a Cortex-M3. Every target without an \
         operating system takes the same. Native {}; with COM {}.\n\n\
         | capacity | native | with COM |\n|---|---|---|",
        native.formula(),
        com.formula()
    )?;
    for ((calls, threads), size) in &native.sizes {
        let plural = |n: &u64| if *n == 1 { "" } else { "s" };
        let capacity = format!("{calls} call{}, {threads} thread{}", plural(calls), plural(threads));
        writeln!(page, "| {capacity} | {size} | {} |", com.size(*calls, *threads)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(size: impl Fn(u64, u64) -> u64) -> BTreeMap<String, u64> {
        let sized = |(calls, threads)| (name(calls, threads), size(calls, threads));
        UNITS.into_iter().chain(CAPACITIES).map(sized).collect()
    }

    #[test]
    fn the_formula_is_that_of_every_size() {
        let native = Storage::of(&symbols(|calls, threads| 5 + 3 * calls + 2 * threads)).unwrap();
        assert_eq!(native.formula(), "5 + 3 × calls + 2 × threads");
        assert_eq!(native.size(8, 4).unwrap(), 37);
        assert!(native.size(8, 5).is_err());
        let mut page = String::new();
        section(&mut page, &native, &native).unwrap();
        assert!(page.contains("| 1 call, 1 thread | 10 | 10 |\n| 2 calls, 2 threads | 15 | 15 |"), "{page}");
        assert!(Storage::of(&symbols(|calls, threads| calls * threads)).is_err());
        assert!(Storage::of(&BTreeMap::new()).is_err());
    }
}
