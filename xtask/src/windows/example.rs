//! The whole COM runtime of examples/ole32: a DLL on the archive without a port, made as ReactOS makes its own, and the programs that use it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::archive::Archive;
use super::image;
use super::programs::ENDED;
use super::target::{Arch, Format};
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;

const FOLDER: &str = "examples/ole32";
const DLL: &str = "example_ole32.dll";
/// What the DLL is made of, and how mingw links it, as its page says.
const SOURCES: [&str; 5] = ["apartment.c", "channel.c", "dll.c", "memory.c", "port.c"];
const BARE: [&str; 2] = ["-shared", "-nostdlib"];
const LINKED: &str = "-Wl,--disable-stdcall-fixup,--kill-at,--gc-sections,--entry=";
/// The last is for 64-bit division, for the clock.
const LIBRARIES: [&str; 3] = ["-lkernel32", "-luser32", "-lgcc"];
/// What each program is made of. Those that are linked with the DLL's import library, and that load it.
const PROGRAMS: [(&[&str], bool); 2] = [(&["main.c", "stage.c"], true), (&["unload.c"], false)];
/// The language is the oldest that such runtimes are written in.
const STRICT: [&str; 6] = ["-std=gnu90", "-Wall", "-Wextra", "-Werror", "-Wdeclaration-after-statement", "-O1"];

/// All that the DLL may import; NT 5.2 has it.
const NT_5_2: [(&str, &[&str]); 2] = [
    (
        "kernel32.dll",
        &[
            "CloseHandle",
            "CreateEventW",
            "CreateSemaphoreW",
            "DeleteCriticalSection",
            "EnterCriticalSection",
            "GetCurrentThreadId",
            "GetLastError",
            "GetProcessHeap",
            "HeapAlloc",
            "HeapFree",
            "InitializeCriticalSection",
            "LeaveCriticalSection",
            "QueryPerformanceCounter",
            "QueryPerformanceFrequency",
            "ReleaseSemaphore",
            "SetEvent",
            "SetLastError",
            "Sleep",
            "TlsAlloc",
            "TlsFree",
            "TlsGetValue",
            "TlsSetValue",
            "WaitForSingleObject",
        ],
    ),
    (
        "user32.dll",
        &[
            "CreateWindowExW",
            "DefWindowProcW",
            "DestroyWindow",
            "DispatchMessageW",
            "MsgWaitForMultipleObjectsEx",
            "PeekMessageW",
            "PostMessageW",
            "PostQuitMessage",
            "RegisterClassW",
            "TranslateMessage",
            "UnregisterClassW",
        ],
    ),
];

/// The DLL on one archive.
pub struct Example<'a> {
    project: &'a Project,
    arch: Arch,
    folder: PathBuf,
    /// The file.
    pub dll: PathBuf,
    /// The definitions of which a linker for that processor cuts the sizes off.
    definitions: PathBuf,
}

impl<'a> Example<'a> {
    /// Builds it. It exports the names of its definitions, and imports nothing that NT 5.2 has not.
    pub fn build(project: &'a Project, log: &mut Log, archive: &Archive) -> Result<Self> {
        let target = archive.target;
        image::need(target)?;
        image::need_mingw(target.arch)?;
        let folder = project.scratch().join("windows").join(target.name()).join("example");
        fs::create_dir_all(&folder)?;
        let text = fs::read_to_string(project.root.join(FOLDER).join("example_ole32.def"))?;
        let definitions = folder.join("example_ole32.def");
        let sized = target.arch == Arch::I686;
        fs::write(&definitions, if sized { text.clone() } else { without_sizes(&text) })?;
        let example = Self { project, arch: target.arch, dll: folder.join(DLL), definitions, folder };
        example.link(log, archive, &text)?;

        let exported = image::exports(&example.dll)?;
        let wanted = names(&without_sizes(&text))?;
        ensure!(exported == wanted, "{DLL} exports {exported:?}");
        for (library, name) in image::imports(&example.dll)? {
            let allowed = NT_5_2.iter().any(|(from, names)| *from == library && names.contains(&name.as_str()));
            ensure!(allowed, "{DLL} imports {name} from {library}");
        }
        Ok(example)
    }

    fn gcc(&self) -> Cmd {
        Cmd::new(self.arch.mingw("gcc")).args(STRICT).arg("-I").arg(self.project.root.join("include"))
    }

    fn source(&self, name: &str) -> PathBuf {
        self.project.root.join(FOLDER).join(name)
    }

    fn link(&self, log: &mut Log, archive: &Archive, definitions: &str) -> Result<()> {
        let mut objects = Vec::new();
        for name in SOURCES {
            let object = self.folder.join(name).with_extension("o");
            log.check(&self.gcc().arg("-c").arg(self.source(name)).arg("-o").arg(&object))?;
            objects.push(object);
        }
        let cmd = match archive.target.format {
            Format::Gnu => Cmd::new(self.arch.mingw("gcc"))
                .args(BARE)
                .arg(format!("{LINKED}{}", if self.arch == Arch::I686 { "_DllMain@12" } else { "DllMain" }))
                .args(&objects)
                .args([&self.definitions, &archive.path])
                .args(LIBRARIES)
                .arg("-o")
                .arg(&self.dll),
            Format::Msvc => {
                // it finds the sizes by itself
                let plain = self.folder.join("plain.def");
                fs::write(&plain, without_sizes(definitions))?;
                let cmd = Cmd::new(image::LLD_LINK.name)
                    // mingw's objects do not say where their exception handlers are: they have none
                    .args(["/NOLOGO", "/NODEFAULTLIB", "/SAFESEH:NO", "/DLL", "/ENTRY:DllMain"])
                    .arg(format!("/DEF:{}", plain.display()))
                    .args(&objects)
                    .arg(&archive.path)
                    .arg(format!("/OUT:{}", self.dll.display()));
                ["libkernel32.a", "libuser32.a", "libgcc.a"].iter().try_fold(cmd, |cmd, library| {
                    let file = Cmd::new(self.arch.mingw("gcc")).arg(format!("-print-file-name={library}")).read()?;
                    anyhow::Ok(cmd.arg(file.trim()))
                })?
            }
        };
        log.check(&cmd)?;
        Ok(())
    }

    /// The programs, which take all that is COM's from the DLL.
    pub fn programs(&self, log: &mut Log) -> Result<Vec<PathBuf>> {
        let library = self.folder.join("libexample_ole32.a");
        let cmd =
            Cmd::new(self.arch.mingw("dlltool")).args(["-k", "-d"]).arg(&self.definitions).arg("-l").arg(&library);
        log.check(&cmd)?;
        PROGRAMS.iter().map(|program| self.program(log, *program, &library)).collect()
    }

    fn program(&self, log: &mut Log, (sources, links): (&[&str], bool), library: &Path) -> Result<PathBuf> {
        let first = sources.first().context("a program of nothing")?;
        let program = self.folder.join(format!("example-ole32-{first}")).with_extension("exe");
        let cmd = self
            .gcc()
            .arg("-static")
            .args(sources.iter().map(|name| self.source(name)))
            .arg(self.project.root.join(ENDED.0))
            .args(links.then_some(library))
            .args(["-luser32", "-luuid", "-o"])
            .arg(&program);
        log.check(&cmd)?;
        Ok(program)
    }
}

/// The names of definitions, as they stand there.
fn names(definitions: &str) -> Result<BTreeSet<String>> {
    let (_, names) = definitions.split_once("EXPORTS").context("no EXPORTS")?;
    Ok(names.split_whitespace().map(str::to_owned).collect())
}

/// Definitions without the `@8` of 32-bit x86.
fn without_sizes(definitions: &str) -> String {
    let plain = |line: &str| line.split_once('@').map_or(line, |(name, _)| name).to_owned() + "\n";
    definitions.lines().filter(|line| !line.starts_with(';')).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_page_links_it_in_the_same_way() {
        let page = include_str!("../../../examples/ole32/README.md");
        for part in [BARE.join(" "), SOURCES.join(" "), format!("{LINKED}_DllMain@12 "), LIBRARIES.join(" ")] {
            assert!(page.contains(&part), "the page does not say {part}");
        }
    }

    #[test]
    fn sizes_are_cut_off() {
        let plain = without_sizes("; one@4 two\nLIBRARY a.dll\nEXPORTS\n    One@4\n    Two@12\n");
        assert_eq!(plain, "LIBRARY a.dll\nEXPORTS\n    One\n    Two\n");
        assert_eq!(names(&plain).unwrap().into_iter().collect::<Vec<_>>(), ["One", "Two"]);
    }
}
