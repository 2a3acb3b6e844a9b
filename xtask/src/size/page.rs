//! The page: what is measured, in which order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::{Context, Result, ensure};

use super::compare::{MET, SIZES, TOOLS};
use super::instructions::{self, Measured};
use super::library::{CORTEX_M3, Image, Symbol, TARGETS, Use, is_c};
use super::listing::Listing;
use super::storage::{self, Storage};
use super::{application, peers};
use crate::cross::Cross;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::tools;

/// Goals of the project.
const CODE_ON_M3: u64 = 4096;
const RAM: u64 = 400;
const MASKED: u64 = 12;
/// For which the RAM is counted.
const CALLS: u64 = 8;
const THREADS: u64 = 4;
/// Of the compiler's helpers these may be linked: the tables of a runtime are zeroed.
/// Some targets copy what a call was begun with by a call of memcpy. A Cortex-M0 multiplies no 64 bits.
const HELPERS: [&str; 11] = [
    "memset",
    "__aeabi_memclr",
    "__aeabi_memclr4",
    "__aeabi_memclr8",
    "__aeabi_memset",
    "__aeabi_memset4",
    "__aeabi_memset8",
    "__aeabi_memcpy",
    "__aeabi_lmul",
    "memcpy",
    "memmove",
];

const INTRODUCTION: &str = "\
# Footprint on boards

Written by `cargo xtask size`, and compared by `cargo xtask size --check`: with the same tools every figure must be the same,
so that a change of one is on purpose; with others none may be more than a fifth worse (and 16 bytes). A budget, once met, must
stay met with any. All bytes are the library's, but under [a whole application](#a-whole-application-in-8-kib-of-ram): the C library
`libcocancel.a`, built for size (`opt-level=z`, fat LTO, one codegen unit, `panic=abort`, no std), linked with `--gc-sections` into an image
whose program uses

- *one call*: `cocancel_init`, `begin`, `complete`, `finish` and `cancel_thread`;
- *native*: every function of `cocancel.h`;
- *with COM*: every function of `cocancel.h` and `cocancel_com.h`.

A linked image is refused if it has a function that panics, a division helper, a helper of the compiler's that is not named below, or, in a
native one, anything of COM.
";

/// Measures all.
pub fn write(project: &Project, log: &mut Log) -> Result<String> {
    let mut images: BTreeMap<(usize, &str), Image> = BTreeMap::new();
    for (number, target) in TARGETS.iter().enumerate() {
        for com in [false, true] {
            let archive = target.build(project, log, com)?;
            for using in Use::ALL.into_iter().filter(|using| (*using == Use::Com) == com) {
                let image = target.link(project, log, &archive, using)?;
                let name = || format!("{}, {}", target.name, using.name());
                image.check(com).with_context(name)?;
                images.insert((number, using.name()), image);
            }
        }
    }
    let mut measured = Vec::new();
    for processor in crate::interrupts::PROCESSORS {
        measured.push((processor.name, instructions::measure(processor, project, log)?));
    }
    let whole = &images[&(CORTEX_M3, Use::Com.name())];
    let mut page = format!("{INTRODUCTION}\n{TOOLS}{}\n", versions()?);
    let [native, com] = [Storage::measure(project, log, false)?, Storage::measure(project, log, true)?];
    budgets(&mut page, whole, [&native, &com], &measured)?;
    sizes(&mut page, &images)?;
    storage::section(&mut page, &native, &com)?;
    application::section(&mut page, project, log)?;
    functions(&mut page, whole)?;
    stacks(&mut page, &images)?;
    instructions(&mut page, &measured)?;
    beside(&mut page, project, log, &images[&(CORTEX_M3, Use::OneCall.name())])?;
    Ok(page)
}

fn versions() -> Result<String> {
    let mut all = Vec::new();
    let mut compilers = BTreeSet::new();
    for target in TARGETS {
        compilers.insert(Cross::find(target.triple)?.rustc());
    }
    for compiler in compilers {
        all.push(Cmd::new(compiler).arg("--version").read()?);
    }
    let others = [&tools::ARM_LD, &tools::RISCV_LD, &tools::ARM_GCC];
    tools::need(&others)?;
    for tool in others {
        all.push(Cmd::new(tool.name).arg("--version").read()?);
    }
    let first = |text: &String| text.lines().next().unwrap_or_default().to_owned();
    Ok(all.iter().map(first).collect::<Vec<_>>().join("; "))
}

fn budgets(
    page: &mut String,
    whole: &Image,
    [native, com]: [&Storage; 2],
    measured: &[(&str, Measured)],
) -> Result<()> {
    writeln!(page, "\n## Budgets\n\n| what | goal | is | |\n|---|---|---|---|")?;
    let mut row = |what: &str, goal: u64, is: u64| {
        writeln!(page, "| {what} | {goal} | {is} | {} |", if is <= goal { MET } else { "missed" })
    };
    row("bytes of code, all with COM, Cortex-M3", CODE_ON_M3, whole.code + whole.rodata)?;
    row("bytes of RAM for 8 calls and 4 threads, native", RAM, native.size(CALLS, THREADS)?)?;
    row("bytes of RAM for 8 calls and 4 threads, with COM", RAM, com.size(CALLS, THREADS)?)?;
    row("bytes of a call, native", 32, native.call)?;
    row("bytes of a thread, native", 16, native.thread)?;
    for (name, measured) in measured.iter().filter(|(_, measured)| measured.masked.0 > 0) {
        row(&format!("instructions with interrupts masked at a time, {name}"), MASKED, measured.masked.0.into())?;
    }
    Ok(())
}

fn sizes(page: &mut String, images: &BTreeMap<(usize, &str), Image>) -> Result<()> {
    writeln!(page, "\n{SIZES}\n\nRAM is the library's own, without the storage that the program gives it.\n")?;
    writeln!(page, "| target, use | code | rodata | RAM | helpers of the compiler's |\n|---|---|---|---|---|")?;
    for ((target, using), image) in images {
        let helpers = image.helpers();
        let unknown: Vec<_> = helpers.iter().filter(|name| !HELPERS.contains(&name.as_str())).collect();
        ensure!(unknown.is_empty(), "helpers that are not named here: {unknown:?}");
        let helpers = helpers.into_iter().collect::<Vec<_>>().join(", ");
        let Image { code, rodata, ram, .. } = image;
        writeln!(page, "| {}: {using} | {code} | {rodata} | {ram} | {helpers} |", TARGETS[*target].name)?;
    }
    Ok(())
}

/// To which part of the library a function belongs.
fn part(symbol: &Symbol) -> String {
    let name = &symbol.name;
    if is_c(name) {
        return "functions of C, with what was inlined".to_owned();
    }
    let parts = ["com", "index", "time", "state", "stack", "call", "thread", "runtime", "port"];
    let at = |part: &&str| name.find(&format!("cocancel::{part}::"));
    match parts.iter().filter(|part| at(part).is_some()).min_by_key(|part| at(part)) {
        Some(part) => format!("core: {part}"),
        None if name.starts_with("OUTLINED") => "sequences that the compiler shares".to_owned(),
        None if name.contains("cocancel::") => "checks of the C interface".to_owned(),
        None => "core of Rust, helpers".to_owned(),
    }
}

fn functions(page: &mut String, whole: &Image) -> Result<()> {
    writeln!(page, "\n## Where the bytes are\n\nCortex-M3, all with COM.\n\n| part | bytes |\n|---|---|")?;
    let mut parts: BTreeMap<String, u64> = BTreeMap::new();
    let code = || whole.symbols.iter().filter(|s| s.is_code);
    code().for_each(|symbol| *parts.entry(part(symbol)).or_default() += symbol.size);
    let mut parts: Vec<_> = parts.into_iter().collect();
    parts.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    for (part, size) in parts {
        writeln!(page, "| {part} | {size} |")?;
    }
    writeln!(page, "\n## Largest functions\n\nThe same image.\n\n| function | bytes |\n|---|---|")?;
    let mut largest: Vec<_> = code().collect();
    largest.sort_by_key(|s| (std::cmp::Reverse(s.size), s.name.clone()));
    for Symbol { name, size, .. } in largest.into_iter().take(30) {
        let name = name.replace("::<cocancel::port::HostPort, cocancel::storage::Unindexed>", "");
        let name = name.replace("<cocancel::port::HostPort, cocancel::storage::Unindexed>", "");
        writeln!(page, "| `{name}` | {size} |")?;
    }
    Ok(())
}

fn stacks(page: &mut String, images: &BTreeMap<(usize, &str), Image>) -> Result<()> {
    let on = [1, CORTEX_M3];
    writeln!(
        page,
        "\n## Stack\n\nThe most bytes that a function of C takes of the stack, with all that it calls in the library (frames as the compiler says, \
         calls as in the disassembly). `+`: and what the program's own functions take, which it calls by pointer (the port's, a custom \
         object's). `recursive`: it may call itself, which is counted once.\n\n| function | {} |\n|---|---|---|",
        on.map(|target| TARGETS[target].name).join(" | ")
    )?;
    let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for target in on {
        let image = &images[&(target, Use::Com.name())];
        let listing = Listing::of(&image.path)?;
        for symbol in image.symbols.iter().filter(|s| s.is_code && is_c(&s.name)) {
            let stack = listing.stack(image, &symbol.name).with_context(|| format!("no {}", symbol.name))?;
            let open = if stack.is_open { " +" } else { "" };
            let recursive = if stack.is_recursive { " recursive" } else { "" };
            rows.entry(&symbol.name).or_default().push(format!("{}{open}{recursive}", stack.bytes));
        }
    }
    for (name, cells) in rows {
        writeln!(page, "| `{name}` | {} |", cells.join(" | "))?;
    }
    Ok(())
}

fn instructions(page: &mut String, measured: &[(&str, Measured)]) -> Result<()> {
    writeln!(
        page,
        "\n## Instructions of an operation\n\nLeast and most among the scenarios of `tests/interrupts` (`opt-level=s`, Rust, 2 calls, 1 thread, the port's functions and the \
         test's own few instructions included), when nothing interrupts.\n\n| operation | {} |\n|---|{}",
        measured.iter().map(|(name, _)| format!("{name}: least | most")).collect::<Vec<_>>().join(" | "),
        "---|".repeat(measured.len() * 2)
    )?;
    for operation in measured[0].1.operations.keys() {
        let cell = |(_, measured): &(&str, Measured)| {
            let (least, most) = measured.operations[operation];
            format!("{least} | {most}")
        };
        writeln!(page, "| {operation} | {} |", measured.iter().map(cell).collect::<Vec<_>>().join(" | "))?;
    }
    writeln!(
        page,
        "\n## Interrupts masked\n\nThe longest way in the disassembly of the same programs from an instruction that masks interrupts to one that lets them in, which is \
         counted. Loops and calls by pointer on such a way are refused.\n\n| processor | instructions | in |\n|---|---|---|"
    )?;
    for (name, measured) in measured {
        let (count, place) = &measured.masked;
        writeln!(page, "| {name} | {count} | `{place}` |")?;
    }
    Ok(())
}

fn beside(page: &mut String, project: &Project, log: &mut Log, one_call: &Image) -> Result<()> {
    let (freertos, alone) = peers::freertos(project, log)?;
    let signal = peers::signal(project, log)?;
    writeln!(
        page,
        "\n## Beside others\n\nCortex-M3, optimised for size, linked in the same way. The nearest job: a task waits until it is told, \
         and somebody else may end the wait. FreeRTOS: a static binary semaphore, taken, given, also from an interrupt handler, and xTaskAbortDelay (which \
         an interrupt handler cannot call); compiled by GCC. embassy-sync: a Signal, waited for, signalled and reset. Neither has deadlines of a \
         request, handles, nesting, or an answer to who owns the record.\n\n| what | code | rodata | RAM |\n|---|---|---|---|"
    )?;
    let mut row =
        |what: &str, image: &Image| writeln!(page, "| {what} | {} | {} | {} |", image.code, image.rodata, image.ram);
    row("cocancel, one call", one_call)?;
    row("FreeRTOS, with what these draw in of the kernel", &freertos)?;
    row("embassy-sync's Signal", &signal)?;
    writeln!(page, "| FreeRTOS, these functions alone | {alone} | 0 | 0 |")?;
    Ok(())
}
