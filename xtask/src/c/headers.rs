//! Each header compiles alone, twice, beside the other one, and after the Windows headers.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};

use super::compiler::COMPILERS;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome};
use crate::tools::{self, CLANG, MINGW_HEADERS};

const WINDOWS_GCC: &str = "x86_64-w64-mingw32-gcc";
const WINDOWS_GXX: &str = "x86_64-w64-mingw32-g++";

/// All combinations with all compilers.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    for compiler in &COMPILERS {
        tools::need(&[compiler.tool])?;
    }
    let mut headers = Vec::new();
    for entry in fs::read_dir(project.root.join("include"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".h") {
            headers.push(name);
        }
    }
    headers.sort();
    ensure!(!headers.is_empty(), "include has no header");
    let folder = project.scratch().join("headers");
    fs::create_dir_all(&folder)?;
    let mut counts = Counts::default();
    for (name, includes) in combinations(&headers) {
        let source = write(&folder, &name, &includes)?;
        for compiler in &COMPILERS {
            let cmd = compiler.compile(project, &source).arg("-fsyntax-only");
            tally(log, &cmd, &mut counts)?;
        }
    }
    if headers.iter().any(|h| h == "cocancel_com.h") {
        windows(project, log, &folder, &mut counts)?;
    }
    ensure!(counts.failed == 0, "{} compilations failed", counts.failed);
    Ok(Outcome::Passed)
}

fn tally(log: &mut Log, cmd: &Cmd, counts: &mut Counts) -> Result<()> {
    if log.run(cmd)?.success() {
        counts.passed += 1;
    } else {
        counts.failed += 1;
    }
    Ok(())
}

/// Names and their includes: each alone, each twice, all in both orders.
fn combinations(headers: &[String]) -> Vec<(String, Vec<&str>)> {
    let mut all = Vec::new();
    for header in headers {
        let stem = header.trim_end_matches(".h");
        all.push((format!("{stem}-alone"), vec![header.as_str()]));
        all.push((format!("{stem}-twice"), vec![header.as_str(), header]));
    }
    if headers.len() > 1 {
        let forward: Vec<&str> = headers.iter().map(String::as_str).collect();
        let backward = forward.iter().rev().copied().collect();
        all.push(("all".to_owned(), forward));
        all.push(("all-backward".to_owned(), backward));
    }
    all
}

fn write(folder: &Path, name: &str, includes: &[&str]) -> Result<std::path::PathBuf> {
    let path = folder.join(format!("{name}.c"));
    let mut text: String = includes.iter().map(|i| format!("#include <{i}>\n")).collect();
    // what a header offers for a declaration is used as its documentation says
    text += "#ifdef COCANCEL_STORAGE\nstatic COCANCEL_STORAGE(storage, 2, 2);\n\
             int main(void) { return storage[0] + (int)(sizeof storage % COCANCEL_STORAGE_ALIGN); }\n\
             #else\nint main(void) { return 0; }\n#endif\n";
    fs::write(&path, text)?;
    Ok(path)
}

/// The COM header after the headers that declare the same functions: mingw-w64's, the ones a stranger has.
fn windows(project: &Project, log: &mut Log, folder: &Path, counts: &mut Counts) -> Result<()> {
    let whole = write(folder, "after-windows", &["windows.h", "objbase.h", "cocancel_com.h"])?;
    // without COM in it
    let lean = write(folder, "after-lean-windows", &["windows.h", "cocancel_com.h"])?;
    // Debian has a package for each of its languages
    let compiler = if [WINDOWS_GCC, WINDOWS_GXX].iter().all(|name| which::which(name).is_ok()) {
        Cmd::new(WINDOWS_GCC)
    } else {
        tools::need(&[&CLANG, &MINGW_HEADERS])?;
        Cmd::new("clang").args(["--target=x86_64-w64-mingw32", "-isystem", "/usr/share/mingw-w64/include"])
    };
    let languages = [("c99", "c"), ("c++17", "c++")];
    let sources = [(&whole, None), (&lean, Some("-DWIN32_LEAN_AND_MEAN"))];
    for ((source, define), (standard, language)) in
        sources.into_iter().flat_map(|source| languages.map(|language| (source, language)))
    {
        let cmd = compiler
            .clone()
            .args(define)
            .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"])
            .arg(format!("-std={standard}"))
            .arg("-I")
            .arg(project.root.join("include"))
            .args(["-x", language])
            .arg(source);
        tally(log, &cmd, counts)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_is_there() {
        let headers = ["a.h".to_owned(), "b.h".to_owned()];
        let names: Vec<_> = combinations(&headers).into_iter().map(|c| c.0).collect();
        let all = ["a-alone", "a-twice", "b-alone", "b-twice", "all", "all-backward"];
        assert_eq!(names, all);
    }
}
