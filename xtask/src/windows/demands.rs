//! What a host's linker demands of an archive, each as a check.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, bail, ensure};
use regex::Regex;

use super::archive::{Archive, COM, PORTS, Port, decorated, defined, plain};
use super::example::Example;
use super::target::{Arch, Format, Target};
use super::{image, instructions};
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome};
use crate::tools;

/// All that linking the smallest function may bring with it, in bytes of code.
const SMALL: u64 = 512;

/// A check of one archive.
type Check = fn(&Project, &mut Log, &Archive) -> Result<String>;

const CHECKS: [(&str, Check); 7] = [
    ("exact names, CoX and __imp_CoX", names),
    ("no enum, bool or wchar_t in the headers", fixed_widths),
    ("readable by old tools", old_tools),
    ("links with nothing but mem... and kernel32", links),
    ("plain instructions, no FPU or SIMD register", plain_instructions),
    ("drops what is not used", drops),
    ("no TLS, unwinder, stack probe or C runtime", no_runtime),
];

/// For the archive without a port only.
const OF_A_HOST: [(&str, Check); 1] = [("links into the ole32 of the examples", an_ole32)];

/// All checks of both archives of a target. One that fails does not hide the next.
pub fn step(project: &Project, log: &mut Log, target: Target) -> Result<Outcome> {
    let mut counts = Counts::default();
    for port in PORTS {
        let archive = Archive::build(project, log, target, port)?;
        let of_a_host = OF_A_HOST.iter().filter(|_| port == Port::Host);
        for (name, check) in CHECKS.iter().chain(of_a_host) {
            match check(project, log, &archive) {
                Ok(seen) => {
                    counts.passed += 1;
                    log.line(format!("ok: {} {}: {name}: {seen}", target.name(), port.name()))?;
                }
                Err(error) if error.is::<tools::Missing>() => return Err(error),
                Err(error) => {
                    counts.failed += 1;
                    log.failed(format!("{} {}: {name}: {error:#}", target.name(), port.name()))?;
                }
            }
        }
    }
    Ok(Outcome::Tests(counts))
}

fn names(_: &Project, _: &mut Log, archive: &Archive) -> Result<String> {
    let defined = defined(&archive.path)?;
    let arch = archive.target.arch;
    for com in COM {
        let name = decorated(arch, com);
        let import = format!("__imp_{name}");
        ensure!(defined.contains(&name), "{name} is not defined");
        ensure!(defined.contains(&import), "{import} is not defined");
    }
    ensure!(
        !defined.iter().any(|n| n == "DllMain" || n == "_DllMain@12"),
        "a DllMain of its own would meet the host's"
    );
    Ok(format!("{} names", 2 * COM.len()))
}

/// Their sizes differ between compilers.
fn fixed_widths(project: &Project, _: &mut Log, _: &Archive) -> Result<String> {
    let comments = Regex::new(r"(?s)/\*.*?\*/|//[^\n]*")?;
    let refused = Regex::new(r"\b(enum|bool|_Bool|wchar_t|long|short)\b")?;
    for header in ["cocancel.h", "cocancel_com.h"] {
        let text = fs::read_to_string(project.root.join("include").join(header))?;
        if let Some(found) = refused.find(&comments.replace_all(&text, "")) {
            bail!("{header} says {}", found.as_str());
        }
    }
    Ok("fixed-width integers only".into())
}

fn old_tools(_: &Project, _: &mut Log, archive: &Archive) -> Result<String> {
    tools::need(&[&image::LLVM_NM])?;
    image::need_mingw(archive.target.arch)?;
    let entries = archive.entry_points()?;
    for nm in [archive.target.arch.mingw("nm"), image::LLVM_NM.name.to_owned()] {
        let listed = Cmd::new(&nm).arg("--defined-only").arg(&archive.path).read()?;
        let listed: BTreeSet<_> = listed.lines().filter_map(|l| l.split_once(" T ").map(|(_, name)| name)).collect();
        for entry in &entries {
            ensure!(listed.contains(entry.as_str()), "{nm} does not list {entry}");
        }
    }
    Ok(format!("{} entry points", entries.len()))
}

fn all(project: &Project, log: &mut Log, archive: &Archive) -> Result<std::path::PathBuf> {
    image::link(project, log, archive, "all", &archive.entry_points()?)
}

fn links(project: &Project, log: &mut Log, archive: &Archive) -> Result<String> {
    let image = all(project, log, archive)?;
    let imports = image::check_imports(&image)?;
    ensure!((imports == 0) == (archive.port == Port::Host), "{imports} imports");
    Ok(format!("{imports} imports, {} bytes of code", image::code_size(&image)?))
}

fn plain_instructions(project: &Project, log: &mut Log, archive: &Archive) -> Result<String> {
    let image = all(project, log, archive)?;
    let (count, found) = instructions::check(archive.target.arch, &image)?;
    for line in found.iter().take(100) {
        log.line(line)?;
    }
    ensure!(found.is_empty(), "{} of {count} instructions", found.len());
    Ok(format!("{count} instructions"))
}

fn drops(project: &Project, log: &mut Log, archive: &Archive) -> Result<String> {
    let entries = archive.entry_points()?;
    let one = entries.into_iter().filter(|e| plain(archive.target.arch, e) == "cocancel_version").collect();
    let size = image::code_size(&image::link(project, log, archive, "one", &one)?)?;
    ensure!(size <= SMALL, "one function brings {size} bytes");
    Ok(format!("{size} bytes"))
}

fn an_ole32(project: &Project, log: &mut Log, archive: &Archive) -> Result<String> {
    let dll = Example::build(project, log, archive)?.dll;
    Ok(format!("{} bytes of code", image::code_size(&dll)?))
}

/// What a member of the archive must not even mention.
fn no_runtime(_: &Project, log: &mut Log, archive: &Archive) -> Result<String> {
    const REFUSED: [&str; 12] = [
        "_tls_index",
        "emutls",
        "_Unwind_",
        "__chkstk",
        "_alloca",
        "__security_",
        "__GSHandler",
        "_fltused",
        "__CxxFrame",
        "_except_",
        "__main",
        "atexit",
    ];
    let ours = |n: &str| n.contains("cocancel");
    let mut seen = 0;
    let listed =
        Cmd::new(archive.target.arch.mingw("nm")).args(["-A", "--undefined-only"]).arg(&archive.path).read()?;
    for line in listed.lines() {
        // archive:member: U name
        let Some((member, name)) = line.rsplit_once(" U ") else { continue };
        let member = member.rsplit(':').find(|part| part.contains(".o")).unwrap_or_default();
        if !ours(member) {
            continue;
        }
        seen += 1;
        if let Some(refused) = REFUSED.iter().find(|refused| name.contains(*refused)) {
            // the marker that an object of Microsoft's format has nothing to say
            bail!("{member} needs {name} ({refused})");
        }
    }
    ensure!(seen > 0, "no member of ours was seen");
    if archive.target.format == Format::Gnu && archive.target.arch == Arch::X86_64 {
        log.line("no unwind tables: GNU ld would keep every function that has one")?;
    }
    Ok(format!("{seen} undefined names"))
}
