//! The installed tree: headers, libraries, and what pkg-config and CMake read.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::linux::Built;
use crate::log::Log;
use crate::project::Project;

/// The headers for C.
pub const HEADERS: [&str; 2] = ["cocancel.h", "cocancel_com.h"];
/// The header for C++, which adds nothing to the binary interface.
const GUARDS: &str = "cocancel.hpp";
/// The licences, of which the user chooses one.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// What the library is, for pkg-config.
pub const COM: &str = "COM call cancellation: CoCancelCall and its family";
const NATIVE: &str = "cancelling calls, without the COM functions";

/// Where the tree goes.
pub struct Tree<'a> {
    /// Where the files will be found, such as /usr/local.
    pub prefix: &'a Path,
    /// The folder of the libraries, below the prefix: lib, or lib/x86_64-linux-gnu.
    pub libdir: &'a Path,
    /// Put before the prefix: where a package is gathered.
    pub destdir: Option<&'a Path>,
}

impl Tree<'_> {
    /// Writes everything; gives the files.
    pub fn write(&self, project: &Project, log: &mut Log, built: &Built) -> Result<Vec<PathBuf>> {
        let down: Vec<_> = self.libdir.components().collect();
        let is_below = !down.is_empty() && down.iter().all(|c| matches!(c, Component::Normal(_)));
        ensure!(is_below, "the folder of the libraries is named from the prefix, as in lib/x86_64-linux-gnu");
        ensure!(self.prefix.is_absolute(), "the prefix must be an absolute path");
        let root = match self.destdir {
            Some(destdir) => destdir.join(self.prefix.strip_prefix("/")?),
            None => self.prefix.to_owned(),
        };
        let mut files = Files::default();
        files.headers(project, &root)?;
        files.licences(project, &root.join("share/doc/cocancel"))?;
        let lib = root.join(self.libdir);
        files.copy(&built.archive, &lib.join("libcocancel.a"))?;
        if let Some(native) = &built.native {
            files.copy(native, &lib.join("libcocancel_native.a"))?;
        }
        if let Some(shared) = &built.shared {
            let name = shared.path.file_name().context("a library without a name")?;
            files.copy(&shared.path, &lib.join(name))?;
            files.link(name.as_ref(), &lib.join(shared.soname))?;
            files.link(shared.soname.as_ref(), &lib.join("libcocancel.so"))?;
        }
        self.described(built).write(project, &root, &mut files)?;
        log.line(format!("{} files below {}", files.0.len(), root.display()))?;
        Ok(files.0)
    }

    fn described(&self, built: &Built) -> Described<'_> {
        let native = Package { flags: " -DCOCANCEL_NATIVE_ONLY", ..Package::new("cocancel_native", NATIVE) };
        let all = Package { private: built.system.join(" "), ..Package::new("cocancel", COM) };
        let shared = built.shared.as_ref().map(|shared| {
            let file = self.libdir.join(shared.path.file_name().unwrap_or_default());
            (file, format!("IMPORTED_SONAME \"{}\"", shared.soname))
        });
        Described {
            libdir: self.libdir,
            archive: ("lib", ".a"),
            system: built.system,
            shared,
            packages: [all].into_iter().chain(built.native.is_some().then_some(native)).collect(),
        }
    }
}

/// What pkg-config and CMake read of a tree.
pub struct Described<'a> {
    /// The folder of the libraries, below the prefix.
    pub libdir: &'a Path,
    /// What an archive is called, before and after its library's name.
    pub archive: (&'static str, &'static str),
    /// What a program needs of the system besides the archive.
    pub system: &'a [&'a str],
    /// The shared library below the prefix, and the property that tells CMake how programs are linked with it.
    pub shared: Option<(PathBuf, String)>,
    /// For pkg-config.
    pub packages: Vec<Package>,
}

/// One library, as pkg-config tells of it.
#[derive(Default)]
pub struct Package {
    /// Its name, and pkg-config's.
    pub name: &'static str,
    /// In a few words.
    pub about: &'static str,
    /// For the compiler, each after a space.
    pub flags: &'static str,
    /// What is linked after it, each after a space.
    pub libs: &'static str,
    /// What is linked after it where all is linked statically.
    pub private: String,
}

impl Package {
    /// The library of that name, which needs nothing.
    pub fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about, ..Self::default() }
    }
}

impl Described<'_> {
    /// Writes the files for both.
    pub fn write(&self, project: &Project, root: &Path, files: &mut Files) -> Result<()> {
        let lib = root.join(self.libdir);
        let version = &project.package("cocancel-ffi")?.version;
        let (shared, linked) = self.shared.clone().unwrap_or_default();
        let text = |path: &Path| path.to_str().context("a path that is not UTF-8").map(str::to_owned);
        let values = [
            ("UP", vec![".."; self.libdir.components().count() + 1].join("/")),
            ("LIBDIR", text(self.libdir)?),
            ("VERSION", version.to_string()),
            ("MAJOR", version.major.to_string()),
            ("MINOR", version.minor.to_string()),
            ("BEFORE", self.archive.0.to_owned()),
            ("AFTER", self.archive.1.to_owned()),
            ("SYSTEM", self.system.join(";")),
            ("SHARED", text(&shared)?),
            ("LINKED", linked),
        ];
        let folder = project.root.join("packaging");
        for name in ["cocancelConfig.cmake", "cocancelConfigVersion.cmake"] {
            files.write(&lib.join("cmake/cocancel").join(name), &fill(&folder.join(format!("{name}.in")), &values)?)?;
        }
        for package in &self.packages {
            let own = [
                ("NAME", package.name.to_owned()),
                ("ABOUT", package.about.to_owned()),
                ("FLAGS", package.flags.to_owned()),
                ("LIBS", package.libs.to_owned()),
                ("PRIVATE", package.private.clone()),
            ];
            let text = fill(&folder.join("cocancel.pc.in"), &[&values[..], &own].concat())?;
            files.write(&lib.join("pkgconfig").join(format!("{}.pc", package.name)), &text)?;
        }
        Ok(())
    }
}

/// A file of packaging/ with its `@NAMES@` filled in.
fn fill(template: &Path, values: &[(&str, String)]) -> Result<String> {
    let mut text = fs::read_to_string(template).with_context(|| template.display().to_string())?;
    for (key, value) in values {
        text = text.replace(&format!("@{key}@"), value);
    }
    ensure!(!text.contains('@'), "{} has a name that is not known", template.display());
    Ok(text)
}

/// What was written.
#[derive(Default)]
pub struct Files(Vec<PathBuf>);

impl Files {
    /// Those of include/.
    pub fn headers(&mut self, project: &Project, root: &Path) -> Result<()> {
        let mut names = HEADERS.into_iter().chain([GUARDS]).map(|name| Path::new("include").join(name));
        names.try_for_each(|name| self.copy(&project.root.join(&name), &root.join(&name)))
    }

    /// Both, into that folder.
    pub fn licences(&mut self, project: &Project, folder: &Path) -> Result<()> {
        LICENCES.into_iter().try_for_each(|name| self.copy(&project.root.join(name), &folder.join(name)))
    }

    fn make_room(&mut self, path: &Path) -> Result<()> {
        let folder = path.parent().context("a file without a folder")?;
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        if path.symlink_metadata().is_ok() {
            fs::remove_file(path)?;
        }
        self.0.push(path.to_owned());
        Ok(())
    }

    /// Makes the folder, too.
    pub fn copy(&mut self, from: &Path, to: &Path) -> Result<()> {
        self.make_room(to)?;
        fs::copy(from, to).with_context(|| from.display().to_string())?;
        Ok(())
    }

    fn write(&mut self, to: &Path, text: &str) -> Result<()> {
        self.make_room(to)?;
        fs::write(to, text)?;
        Ok(())
    }

    fn link(&mut self, target: &Path, at: &Path) -> Result<()> {
        self.make_room(at)?;
        symlink(target, at)?;
        Ok(())
    }
}
