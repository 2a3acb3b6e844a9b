//! The cancelling channel of examples/com-channel under Wine, and the apartment of examples/apartment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::c::{self, Library};
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Outcome, Step};
use crate::tools::{self, CLANG, GCC, Tool};
use crate::windows::{Arch, Archive, Format, Port, Target, Wine, need_mingw, takes_nothing_of_ole32};

const WIDL: Tool = Tool { name: "x86_64-w64-mingw32-widl", package: "mingw-w64-tools" };

/// The steps of the gate. Both widths play all scenes; 10,000 calls are hammered in 64 bits only.
pub fn steps() -> Vec<Step> {
    vec![
        Step::new("com channel", |project, log| step(project, log, Arch::X86_64)).minutes(15),
        Step::new("com channel i686", |project, log| step(project, log, Arch::I686)).minutes(40),
        Step::new("apartment", apartment),
    ]
}

/// Builds com-channel.exe.
fn build(project: &Project, log: &mut Log, arch: Arch) -> Result<PathBuf> {
    need_mingw(arch)?;
    tools::need(&[&WIDL])?;
    let archive = Archive::build(project, log, Target { arch, format: Format::Gnu }, Port::Windows)?;
    let out = project.scratch().join("com-channel").join(arch.name());
    fs::create_dir_all(&out)?;
    let source = project.root.join("examples/com-channel");
    let proxies = proxies(log, arch, &source, &out)?;
    let program = out.join("com-channel.exe");
    let cmd = Cmd::new(arch.mingw("gcc"))
        .args(["-std=gnu11", "-O1", "-g", "-static", "-Wall", "-Wextra", "-Werror", "-D__USE_MINGW_ANSI_STDIO=1"])
        .args([Path::new("-I"), &source, Path::new("-I"), &out, Path::new("-I"), &project.root.join("include")])
        .args(c::sources(&source)?)
        .args(proxies)
        // before ole32, so that the eight functions are the library's
        .arg(archive.path)
        .args(["-lole32", "-loleaut32", "-lrpcrt4", "-luuid", "-o"])
        .arg(&program);
    log.check(&cmd)?;
    takes_nothing_of_ole32(&program)?;
    Ok(program)
}

/// What widl makes of the demonstration's interfaces, compiled; the header stays in `out`.
fn proxies(log: &mut Log, arch: Arch, source: &Path, out: &Path) -> Result<Vec<PathBuf>> {
    let idl = source.join("idl");
    let held = idl.join("held.idl");
    let width = if arch == Arch::I686 { "-m32" } else { "-m64" };
    for (kind, name) in [("-h", "held.h"), ("-p", "held_p.c"), ("-u", "held_i.c")] {
        let cmd = Cmd::new(WIDL.name).args(["-Oif", width, "-I"]).arg(&idl).args([kind, "-o"]).arg(out.join(name));
        log.check(&cmd.arg(&held))?;
    }
    log.check(&Cmd::new(WIDL.name).args(["--dlldata-only", "-o"]).arg(out.join("dlldata.c")).arg("held"))?;
    let compile = |name: &str| {
        let object = out.join(name).with_extension("o");
        let cmd = Cmd::new(arch.mingw("gcc")).args(["-O1", "-include"]).arg(idl.join("proxy.h"));
        log.check(&cmd.arg("-I").arg(out).arg("-c").arg(out.join(name)).arg("-o").arg(&object))?;
        Ok(object)
    };
    ["held_p.c", "held_i.c", "dlldata.c"].into_iter().map(compile).collect()
}

/// `cargo xtask demo --com`
pub fn command(project: &Project, list: bool, scene: Option<&str>) -> Result<ExitCode> {
    let logs = project.scratch().join("logs");
    let mut log = Log::create(&logs, "com channel build", Duration::from_secs(3600))?;
    let arch = Arch::X86_64;
    let arguments: Vec<&str> = list.then_some("--list").into_iter().chain(scene).collect();
    let prepared = build(project, &mut log, arch)
        .and_then(|program| Wine::find(project, &mut log, arch)?.command(&program, &[], &arguments));
    match prepared {
        Ok(cmd) => {
            let status = cmd.run_attached()?;
            Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Err(error) => {
            println!("{}", log.tail(200)?);
            Err(error)
        }
    }
}

/// All scenes are as expected, and none is missing.
fn step(project: &Project, log: &mut Log, arch: Arch) -> Result<Outcome> {
    let program = build(project, log, arch)?;
    let wine = Wine::find(project, log, arch)?;
    let listed = log.check(&wine.command(&program, &[], &["--list"])?)?;
    let arguments: &[&str] = if arch == Arch::I686 { &["--short"] } else { &[] };
    let played = log.check(&wine.command(&program, &[], arguments)?)?;
    let names: Vec<_> =
        // not what Wine itself has to say
        listed.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name).filter(|name| *name != "wine").collect();
    ensure!(!names.is_empty(), "there are no scenes");
    for name in names {
        let line = format!("  {name}: ");
        ensure!(played.lines().any(|l| l.starts_with(&line)), "{name} was not played");
    }
    ensure!(played.contains("as expected, 0 not"), "the last line is missing");
    Ok(Outcome::Passed)
}

/// The apartment of docs/integrating-in-a-com-runtime.md, with both compilers, also under the sanitizers. What the text shows is its own, or of
/// examples/ole32.
fn apartment(project: &Project, log: &mut Log) -> Result<Outcome> {
    tools::need(&[&GCC, &CLANG])?;
    let library = Library::build(project, log)?;
    let source = project.root.join("examples/apartment");
    let out = project.scratch().join("apartment");
    fs::create_dir_all(&out)?;
    for (compiler, options) in
        [(&GCC, ["-O2", "-g"]), (&CLANG, ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"])]
    {
        let program = out.join(format!("apartment-{}", compiler.name));
        let cmd = Cmd::new(compiler.name)
            .args(["-std=c11", "-pthread", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
            .args(options)
            .arg("-I")
            .arg(project.root.join("include"))
            .args(c::sources(&source)?)
            .args(library.link_static())
            .arg("-o")
            .arg(&program);
        log.check(&cmd)?;
        log.check(&Cmd::new(&program).unset("LD_LIBRARY_PATH"))?;
    }
    let guide = fs::read_to_string(project.root.join("docs/integrating-in-a-com-runtime.md"))?;
    let mut code = String::new();
    // run by the steps for Wine
    let windows = project.root.join("examples/ole32");
    let headers = [source.join("apartment.h"), windows.join("internal.h")];
    for file in c::sources(&source)?.into_iter().chain(c::sources(&windows)?).chain(headers) {
        code += &fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    }
    let pieces = pieces(&guide);
    ensure!(!pieces.is_empty(), "the guide shows no code");
    for piece in pieces {
        ensure!(code.contains(piece), "the guide shows code that is compiled nowhere:\n{piece}");
    }
    Ok(Outcome::Passed)
}

/// The contents of the blocks of C code.
fn pieces(text: &str) -> Vec<&str> {
    text.split("```c\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(piece, _)| piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_code_are_found() {
        assert_eq!(pieces("a\n```c\nint x;\n```\nb\n```text\ny\n```\n```c\nz\n```\n"), ["int x;\n", "z\n"]);
    }
}
