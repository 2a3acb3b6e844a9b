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
pub const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

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
        let mut files = Files(Vec::new());
        for header in HEADERS.into_iter().chain([GUARDS]) {
            files.copy(&project.root.join("include").join(header), &root.join("include").join(header))?;
        }
        for licence in LICENCES {
            files.copy(&project.root.join(licence), &root.join("share/doc/cocancel").join(licence))?;
        }
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
        let template = self.template(project, built, down.len())?;
        for name in ["cocancel.pc", "cocancel_native.pc"].into_iter().take(1 + usize::from(built.native.is_some())) {
            files.write(&lib.join("pkgconfig").join(name), &template.fill(&format!("{name}.in"))?)?;
        }
        for name in ["cocancelConfig.cmake", "cocancelConfigVersion.cmake"] {
            files.write(&lib.join("cmake/cocancel").join(name), &template.fill(&format!("{name}.in"))?)?;
        }
        log.line(format!("{} files below {}", files.0.len(), root.display()))?;
        Ok(files.0)
    }

    fn template(&self, project: &Project, built: &Built, depth: usize) -> Result<Template> {
        let version = &project.package("cocancel-ffi")?.version;
        let system = built.system;
        let shared = built.shared.as_ref();
        let file = shared.and_then(|s| s.path.file_name()).unwrap_or_default().to_string_lossy().into_owned();
        let libdir = self.libdir.to_str().context("a path that is not UTF-8")?;
        Ok(Template {
            folder: project.root.join("packaging"),
            values: vec![
                ("UP", vec![".."; depth + 1].join("/")),
                ("LIBDIR", libdir.to_owned()),
                ("VERSION", version.to_string()),
                ("MAJOR", version.major.to_string()),
                ("MINOR", version.minor.to_string()),
                ("SYSTEM", system.join(" ")),
                ("SYSTEM_CMAKE", system.join(";")),
                ("SHARED", file),
                ("SONAME", shared.map(|s| s.soname).unwrap_or_default().to_owned()),
            ],
        })
    }
}

/// Files of packaging/ with `@NAMES@` to be filled in.
struct Template {
    folder: PathBuf,
    values: Vec<(&'static str, String)>,
}

impl Template {
    fn fill(&self, name: &str) -> Result<String> {
        let path = self.folder.join(name);
        let mut text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        for (key, value) in &self.values {
            text = text.replace(&format!("@{key}@"), value);
        }
        ensure!(!text.contains('@'), "{name} has a name that is not known");
        Ok(text)
    }
}

/// What was written.
struct Files(Vec<PathBuf>);

impl Files {
    fn make_room(&mut self, path: &Path) -> Result<()> {
        let folder = path.parent().context("a file without a folder")?;
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        if path.symlink_metadata().is_ok() {
            fs::remove_file(path)?;
        }
        self.0.push(path.to_owned());
        Ok(())
    }

    fn copy(&mut self, from: &Path, to: &Path) -> Result<()> {
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
