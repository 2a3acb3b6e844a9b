//! What a program that was compiled before relies on, as text that is checked in: names with their versions, prototypes, structs with
//! sizes and offsets, constants. The standard tools say it: readelf, gcc's -aux-info and -dM, pahole. libabigail, which reads the types
//! from a library's debug information, would see Rust's in place of C's.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use regex::Regex;

use super::install::HEADERS;
use super::linux::Host;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::Outcome;
use crate::tools::{self, Tool};

const PAHOLE: Tool = Tool { name: "pahole", package: "dwarves" };
/// The description. Structs are those of 64-bit systems; nothing in them depends on the processor.
const FILE: &str = "packaging/abi.txt";

/// The description that is checked in is that of the library.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    command(project, log, false, false)?;
    Ok(Outcome::Passed)
}

/// Compares, or writes.
pub fn command(project: &Project, log: &mut Log, bless: bool, breaking: bool) -> Result<()> {
    let now = describe(project, log)?;
    let path = project.root.join(FILE);
    let before = fs::read_to_string(&path).unwrap_or_default();
    let change = Change::between(&before, &now);
    for line in &change.gone {
        log.line(format!("- {line}"))?;
    }
    for line in &change.new {
        log.line(format!("+ {line}"))?;
    }
    match (change.gone.is_empty(), change.new.is_empty()) {
        (true, true) => return Ok(()),
        (false, _) if !breaking => bail!(
            "programs that were compiled before break, see above. If that is meant: raise COCANCEL_ABI_VERSION (and after a release \
             the SONAME), say so in CHANGELOG.md, and run `cargo xtask abi --bless --breaking`"
        ),
        (true, false) if !bless => {
            bail!("the interface has grown, see above. Say so in CHANGELOG.md, and run `cargo xtask abi --bless`")
        }
        _ => {}
    }
    fs::write(&path, now)?;
    Ok(())
}

/// Lines that are only in one of two descriptions.
struct Change {
    gone: Vec<String>,
    new: Vec<String>,
}

impl Change {
    fn between(before: &str, now: &str) -> Self {
        let set = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        let (before, now) = (set(before), set(now));
        Self { gone: before.difference(&now).cloned().collect(), new: now.difference(&before).cloned().collect() }
    }
}

/// Everything, one fact a line, each of them complete by itself.
fn describe(project: &Project, log: &mut Log) -> Result<String> {
    tools::need(&[&tools::GCC, &PAHOLE, &tools::READELF])?;
    let built = Host.build(project, log)?;
    let shared = built.shared.context("no shared library")?;
    let symbols = symbols(&shared.path)?;
    let headers = Headers::compile(project, log)?;
    let names: BTreeSet<&str> = symbols.iter().filter_map(|s| s.split("@@").next()).collect();
    let declared: BTreeSet<&str> = headers.prototypes.iter().filter_map(|p| name_of(p)).collect();
    ensure!(
        names == declared,
        "packaging/cocancel.map and the headers differ in {:?}",
        names.symmetric_difference(&declared).collect::<Vec<_>>()
    );
    let mut text = format!("soname {}\n", shared.soname);
    for (kind, lines) in [
        ("symbol", &symbols),
        ("function", &headers.prototypes),
        ("struct", &headers.structs),
        ("constant", &headers.constants),
    ] {
        ensure!(!lines.is_empty(), "no {kind} was found");
        for line in lines {
            text += &format!("{kind} {line}\n");
        }
    }
    Ok(text)
}

/// What a library exports, as `name@@VERSION`.
fn symbols(library: &Path) -> Result<Vec<String>> {
    let table = Cmd::new(tools::READELF.name).args(["--dyn-syms", "-W"]).arg(library).read()?;
    let mut found = Vec::new();
    for line in table.lines() {
        // number, value, size, type, binding, visibility, section, name
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let [_, _, _, kind, "GLOBAL" | "WEAK", _, section, name] = fields[..]
            && section != "UND"
            && kind != "NOTYPE"
        {
            // The version node has a symbol of its own.
            if kind == "OBJECT" && section == "ABS" {
                continue;
            }
            found.push(name.to_owned());
        }
    }
    found.sort();
    Ok(found)
}

/// The function that a prototype declares.
fn name_of(prototype: &str) -> Option<&str> {
    let (before, _) = prototype.split_once(" (")?;
    before.rsplit([' ', '*']).next()
}

/// What the headers say, as the compiler understood it.
struct Headers {
    prototypes: Vec<String>,
    structs: Vec<String>,
    constants: Vec<String>,
}

impl Headers {
    fn compile(project: &Project, log: &mut Log) -> Result<Self> {
        let folder = project.scratch().join("package");
        fs::create_dir_all(&folder)?;
        let [source, object, prototypes] = ["abi.c", "abi.o", "abi.prototypes"].map(|name| folder.join(name));
        fs::write(&source, HEADERS.map(|h| format!("#include \"{h}\"\n")).concat())?;
        let include = project.root.join("include");
        let gcc = || Cmd::new("gcc").arg("-std=c99").arg("-I").arg(&include);
        // Types that nothing uses are wanted in the debug information, too.
        let compile = gcc().args(["-g", "-fno-eliminate-unused-debug-types", "-c"]).arg(&source).arg("-o").arg(&object);
        log.check(&compile.arg("-aux-info").arg(&prototypes))?;
        let macros = gcc().args(["-E", "-dM"]).arg(&source).read()?;
        Ok(Self {
            prototypes: prototypes_in(&fs::read_to_string(&prototypes)?, &include),
            structs: structs_in(&Cmd::new(PAHOLE.name).arg(&object).read()?)?,
            constants: constants_in(&macros),
        })
    }
}

/// Prototypes of our own headers; each line begins with a comment that names the file.
fn prototypes_in(text: &str, include: &Path) -> Vec<String> {
    let ours = include.to_string_lossy();
    let lines = text.lines().filter(|l| l.contains(&*ours)).filter_map(|l| l.split_once("*/ "));
    let found: BTreeSet<String> = lines.map(|(_, p)| p.trim_start_matches("extern ").to_owned()).collect();
    found.into_iter().collect()
}

/// `name: member offset size` for each member, and `name size`.
fn structs_in(text: &str) -> Result<Vec<String>> {
    let start = Regex::new(r"^struct (\w+) \{$")?;
    let member = Regex::new(r"^\s+(.*);\s+/\*\s+(\d+)\s+(\d+) \*/$")?;
    let size = Regex::new(r"/\* size: (\d+),")?;
    let mut found = Vec::new();
    let mut name = String::new();
    for line in text.lines() {
        if let Some(begins) = start.captures(line) {
            name = begins[1].to_owned();
        } else if let Some(is) = member.captures(line) {
            let declaration: Vec<&str> = is[1].split_whitespace().collect();
            found.push(format!("{name}: at {}, {} bytes: {}", &is[2], &is[3], declaration.join(" ")));
        } else if let Some(is) = size.captures(line) {
            found.push(format!("{name}: {} bytes", &is[1]));
        }
    }
    Ok(found)
}

/// Macros of our own, sorted.
fn constants_in(text: &str) -> Vec<String> {
    let ours = ["COCANCEL_", "S_OK", "E_", "RPC_", "CO_E_"];
    let all = text.lines().filter_map(|l| l.strip_prefix("#define "));
    let found: BTreeSet<String> =
        all.filter(|l| ours.iter().any(|o| l.starts_with(o))).map(|l| l.trim().to_owned()).collect();
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_are_told_from_what_breaks() {
        let change = Change::between("a\nb\n", "a\nb\nc\n");
        assert!(change.gone.is_empty());
        assert_eq!(change.new, ["c"]);
        assert_eq!(Change::between("a 1\n", "a 2\n").gone, ["a 1"]);
    }

    #[test]
    fn members_have_their_place() {
        let text = "struct info {\n\tuint32_t                   phase;    /*     8     4 */\n\n\t/* size: 16, cachelines: 1 */\n};\n";
        assert_eq!(structs_in(text).unwrap(), ["info: at 8, 4 bytes: uint32_t phase", "info: 16 bytes"]);
    }

    #[test]
    fn a_prototype_has_a_name() {
        assert_eq!(name_of("const char *cocancel_version (void);"), Some("cocancel_version"));
        assert_eq!(
            name_of("int32_t cocancel_finish (struct cocancel_runtime *, cocancel_call);"),
            Some("cocancel_finish")
        );
    }
}
