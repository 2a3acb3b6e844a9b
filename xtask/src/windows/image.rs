//! Linking the archives into images, with nothing beside them but what they may need.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection, SectionKind};

use super::archive::{Archive, Port};
use super::target::{Arch, Format, Target};
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::tools::{self, CLANG, Tool};

const MINGW: [Tool; 2] = [
    Tool { name: "i686-w64-mingw32-gcc", package: "gcc-mingw-w64-i686" },
    Tool { name: "x86_64-w64-mingw32-gcc", package: "gcc-mingw-w64-x86-64" },
];
/// Microsoft's linker and librarian, as LLVM has them.
pub const LLD_LINK: Tool = Tool { name: "lld-link", package: "lld" };
/// Old on purpose: the archives must be readable by it.
pub const LLVM_NM: Tool = Tool { name: "llvm-nm-14", package: "llvm-14" };
/// The compiler of resources, which CMake wants to have found.
pub const LLVM_RC: Tool = Tool { name: "llvm-rc-14", package: "llvm-14" };
/// Makes import libraries.
pub const LLVM_DLLTOOL: Tool = Tool { name: "llvm-dlltool-14", package: "llvm-14" };

/// What the Windows port may import from kernel32, with the bytes of the arguments: all of it is in NT 5.2.
pub const KERNEL32: [(&str, u32); 20] = [
    ("CloseHandle", 4),
    ("CreateEventW", 16),
    ("FlsAlloc", 4),
    ("FlsFree", 4),
    ("FlsSetValue", 8),
    ("GetCurrentThreadId", 0),
    ("GetLastError", 0),
    ("GetTickCount", 0),
    ("QueryPerformanceCounter", 4),
    ("QueryPerformanceFrequency", 4),
    ("SetEvent", 4),
    ("SetLastError", 4),
    ("Sleep", 4),
    ("TlsAlloc", 0),
    ("TlsFree", 4),
    ("TlsGetValue", 4),
    ("TlsSetValue", 8),
    ("VirtualAlloc", 16),
    ("VirtualFree", 12),
    ("WaitForSingleObject", 8),
];

/// All that the archives may leave to the host's linker.
const MEMORY: &str = "#include <stddef.h>
void *memcpy(void *to, const void *from, size_t n) { char *a = to; const char *b = from; while (n--) *a++ = *b++; return to; }
void *memmove(void *to, const void *from, size_t n) {
    char *a = to; const char *b = from;
    if (a < b) while (n--) *a++ = *b++; else while (n--) a[n] = b[n];
    return to;
}
void *memset(void *to, int c, size_t n) { char *a = to; while (n--) *a++ = (char)c; return to; }
int memcmp(const void *p, const void *q, size_t n) {
    const unsigned char *a = p, *b = q;
    for (; n--; a++, b++) if (*a != *b) return *a - *b;
    return 0;
}
";

/// Makes sure of mingw for one processor.
pub fn need_mingw(arch: Arch) -> Result<()> {
    let gcc = arch.mingw("gcc");
    let tool = MINGW.iter().find(|t| t.name == gcc).context("a processor without mingw")?;
    tools::need(&[tool])
}

/// Makes sure of a target's linker, and of what makes import libraries for it.
pub fn need(target: Target) -> Result<()> {
    match target.format {
        Format::Gnu => need_mingw(target.arch),
        Format::Msvc => tools::need(&[&CLANG, &LLD_LINK, &LLVM_DLLTOOL]),
    }
}

/// `mem...` as an object file, in registers that every processor has.
pub fn memory(log: &mut Log, target: Target, folder: &Path) -> Result<PathBuf> {
    let source = folder.join("memory.c");
    let object = folder.join("memory.o");
    fs::write(&source, MEMORY)?;
    let compiler = match target.format {
        Format::Gnu => {
            Cmd::new(target.arch.mingw("gcc")).args(["-mgeneral-regs-only", "-fno-tree-loop-distribute-patterns"])
        }
        Format::Msvc => Cmd::new(CLANG.name).arg(format!("--target={}", target.stock())).args(["-mno-sse", "-mno-mmx"]),
    };
    let compiler = if target.arch == Arch::I686 { compiler.arg("-march=pentium") } else { compiler };
    log.check(&compiler.args(["-O1", "-ffreestanding", "-fno-builtin", "-c"]).arg(&source).arg("-o").arg(&object))?;
    Ok(object)
}

/// An import library of what the Windows port may import, for lld-link.
pub fn kernel32(log: &mut Log, arch: Arch, folder: &Path) -> Result<PathBuf> {
    let definitions = folder.join("kernel32.def");
    let library = folder.join("kernel32.lib");
    let name = |(name, bytes): &(&str, u32)| match arch {
        Arch::I686 => format!("{name}@{bytes}\n"),
        Arch::X86_64 => format!("{name}\n"),
    };
    let names: String = KERNEL32.iter().map(name).collect();
    fs::write(&definitions, format!("LIBRARY kernel32.dll\nEXPORTS\n{names}"))?;
    let machine = if arch == Arch::I686 { "i386" } else { "i386:x86-64" };
    let cmd = Cmd::new(LLVM_DLLTOOL.name).args(["-k", "-m", machine, "-d"]).arg(&definitions).arg("-l").arg(&library);
    log.check(&cmd)?;
    Ok(library)
}

/// Links those entry points of an archive, and drops what they do not reach. Nothing else is there but `mem...`, and for the Windows
/// port kernel32: anything more that the archive needs fails the link.
pub fn link(
    project: &Project,
    log: &mut Log,
    archive: &Archive,
    name: &str,
    entries: &BTreeSet<String>,
) -> Result<PathBuf> {
    let target = archive.target;
    need(target)?;
    let folder = project.scratch().join("windows").join(target.name()).join(archive.port.name());
    fs::create_dir_all(&folder)?;
    let memory = memory(log, target, &folder)?;
    let image = folder.join(format!("{name}.exe"));
    let first = entries.first().context("nothing to link")?;
    let cmd = match target.format {
        Format::Gnu => {
            let emulation = if target.arch == Arch::I686 { "i386pe" } else { "i386pep" };
            let cmd = Cmd::new(target.arch.mingw("ld")).args([
                "-m",
                emulation,
                "--gc-sections",
                "--disable-stdcall-fixup",
                "-e",
            ]);
            let cmd = cmd.arg(first).args(entries.iter().map(|e| format!("--undefined={e}")));
            let cmd = cmd.arg(&memory).arg(&archive.path).arg("-o").arg(&image);
            match archive.port {
                Port::Host => cmd,
                Port::Windows => cmd.arg(format!("-L/usr/{}-w64-mingw32/lib", target.arch.name())).arg("-lkernel32"),
            }
        }
        Format::Msvc => {
            let first = first.strip_prefix(target.arch.prefix()).unwrap_or(first);
            let cmd = Cmd::new(LLD_LINK.name).args(["/NOLOGO", "/NODEFAULTLIB", "/SUBSYSTEM:CONSOLE", "/OPT:REF"]);
            let cmd = cmd.arg(format!("/ENTRY:{first}")).args(entries.iter().map(|e| format!("/INCLUDE:{e}")));
            let cmd = cmd.arg(&memory).arg(&archive.path).arg(format!("/OUT:{}", image.display()));
            match archive.port {
                Port::Host => cmd,
                Port::Windows => cmd.arg(kernel32(log, target.arch, &folder)?),
            }
        }
    };
    log.check(&cmd)?;
    Ok(image)
}

/// Bytes of code in an image.
pub fn code_size(image: &Path) -> Result<u64> {
    let bytes = fs::read(image)?;
    let file = object::File::parse(&*bytes)?;
    Ok(file.sections().filter(|s| s.kind() == SectionKind::Text).map(|s| s.size()).sum())
}

/// What an image imports: the DLL in lower case, and the name.
pub fn imports(image: &Path) -> Result<BTreeSet<(String, String)>> {
    let bytes = fs::read(image).with_context(|| image.display().to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let file = object::File::parse(&*bytes)?;
    Ok(file.imports()?.iter().map(|i| (text(i.library()).to_lowercase(), text(i.name()))).collect())
}

/// What a DLL exports.
pub fn exports(image: &Path) -> Result<BTreeSet<String>> {
    let bytes = fs::read(image).with_context(|| image.display().to_string())?;
    let file = object::File::parse(&*bytes)?;
    Ok(file.exports()?.iter().map(|e| String::from_utf8_lossy(e.name()).into_owned()).collect())
}

/// That an image imports from kernel32 only, and there only what is allowed.
pub fn check_imports(image: &Path) -> Result<usize> {
    let imports = imports(image)?;
    for (library, name) in &imports {
        let allowed = library == "kernel32.dll" && KERNEL32.iter().any(|(allowed, _)| allowed == name);
        ensure!(allowed, "{} imports {name} from {library}", image.display());
    }
    Ok(imports.len())
}
