//! No panic can be reached from the library's functions: what is linked for all of them holds no panicking symbol.

pub mod symbols;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};

use crate::c::Library;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::Outcome;
use crate::tools::{self, GCC};

/// Parts of the names of what runs when Rust panics.
const PANICKING: [&str; 16] = [
    "core::panicking",
    "std::panicking",
    "rust_begin_unwind",
    "rust_panic",
    "panic_fmt",
    "panic_bounds_check",
    "panic_nounwind",
    "slice_index",
    "slice::index",
    "slice_start_index",
    "slice_end_index",
    "unwrap_failed",
    "expect_failed",
    "copy_from_slice::len_mismatch",
    "div_by_zero",
    "_overflow::do_panic",
];

/// Links everything that the archive exports and looks for panics: the hosts' library, and the one without std.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    tools::need(&[&GCC])?;
    let hosts = Library::build(project, log)?.archive;
    let bare = Library::build_without_std(project, log)?;
    let mut count = 0;
    for (archive, name) in [(hosts, "hosts"), (bare, "bare")] {
        let folder = project.scratch().join("no-panic").join(name);
        for symbol in panics(log, &archive, is_ours, &folder)? {
            log.line(format!("linked: {symbol}"))?;
            count += 1;
        }
    }
    ensure!(count == 0, "{count} panicking symbols");
    Ok(Outcome::Passed)
}

/// The library's own functions, as against those of the compiler's support library in the same archive.
fn is_ours(name: &str) -> bool {
    let com = name.strip_prefix("Co").and_then(|n| n.chars().next());
    name.starts_with("cocancel_") || com.is_some_and(char::is_uppercase)
}

fn panics(log: &mut Log, archive: &Path, ours: fn(&str) -> bool, folder: &Path) -> Result<Vec<String>> {
    let exported: BTreeSet<String> = symbols::exported_by(archive)?.into_iter().filter(|n| ours(n)).collect();
    ensure!(!exported.is_empty(), "{} exports nothing", archive.display());
    log.line(format!("{} exported functions", exported.len()))?;
    fs::create_dir_all(folder)?;
    let source = folder.join("all.c");
    let program = folder.join("all");
    fs::write(&source, caller(&exported))?;
    let link = Cmd::new("gcc")
        .args(["-Wl,--gc-sections", "-ffunction-sections", "-O1"])
        .arg(&source)
        .arg(archive)
        .args(["-pthread", "-ldl", "-lm", "-o"])
        .arg(&program);
    log.check(&link)?;
    let linked = symbols::of_file(&program)?;
    // Without this a stripped program, or functions that were dropped, would look clean.
    for name in &exported {
        ensure!(linked.contains(name), "{name} is not in the linked program");
    }
    Ok(linked.into_iter().filter(|n| is_panicking(n)).collect())
}

fn is_panicking(name: &str) -> bool {
    PANICKING.iter().any(|part| name.contains(part))
}

/// A program that holds the address of every function.
fn caller(functions: &BTreeSet<String>) -> String {
    let mut text = String::new();
    for name in functions {
        let _ = writeln!(text, "extern void {name}(void);");
    }
    text += "void (*volatile functions[])(void) = {\n";
    for name in functions {
        let _ = writeln!(text, "    {name},");
    }
    text += "};\nint main(void) { return functions[0] == 0; }\n";
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn panics_of(body: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut log = Log::create(folder, "log", Duration::from_secs(120)).unwrap();
        let source = folder.join("sample.rs");
        let text = format!(
            "#![no_std]\n#[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! {{ loop {{}} }}\n\
             #[unsafe(no_mangle)] pub extern \"C\" fn cocancel_sample(t: &[u8; 4], i: usize) -> u8 {{ {body} }}\n"
        );
        fs::write(&source, text).unwrap();
        let archive = folder.join("libsample.a");
        let compile = Cmd::new("rustc")
            .args(["--edition=2024", "--crate-type=staticlib", "-Cpanic=abort", "-O"])
            .arg(&source)
            .arg("-o")
            .arg(&archive);
        log.check(&compile).unwrap();
        panics(&mut log, &archive, is_ours, folder).unwrap()
    }

    #[test]
    fn a_panic_that_can_be_reached_is_found() {
        assert!(!panics_of("t[i]").is_empty());
    }

    #[test]
    fn code_without_one_passes() {
        assert_eq!(panics_of("t.get(i).copied().unwrap_or(0)").len(), 0);
    }

    #[test]
    fn only_our_functions_are_linked() {
        assert!(is_ours("cocancel_init"));
        assert!(is_ours("CoCancelCall"));
        assert!(!is_ours("memcpy"));
        assert!(!is_ours("Copy"));
    }
}
