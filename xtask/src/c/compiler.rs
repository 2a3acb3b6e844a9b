//! The C and C++ compilers and the warnings that they must not give.

use std::path::Path;

use crate::exec::Cmd;
use crate::project::Project;
use crate::tools::{CLANG, CLANGXX, GCC, GXX, Tool};

/// A compiler with the language it is used for.
pub struct Compiler {
    /// What must be installed.
    pub tool: &'static Tool,
    standard: &'static str,
    language: &'static str,
    cpp: bool,
}

/// All of them.
pub const COMPILERS: [Compiler; 4] = [
    Compiler { tool: &GCC, standard: "c99", language: "c", cpp: false },
    Compiler { tool: &CLANG, standard: "c99", language: "c", cpp: false },
    Compiler { tool: &GXX, standard: "c++17", language: "c++", cpp: true },
    Compiler { tool: &CLANGXX, standard: "c++17", language: "c++", cpp: true },
];

impl Compiler {
    /// Its name with the standard, for file names.
    pub fn name(&self) -> String {
        format!("{}-{}", self.tool.name, self.standard)
    }

    /// Whether a source file is meant for it: each one for C, those that say so for C++ too.
    pub fn takes(&self, source: &str) -> bool {
        !self.cpp || source.contains("/* also: c++ */")
    }

    /// A compilation of `source`.
    pub fn compile(&self, project: &Project, source: &Path) -> Cmd {
        Cmd::new(self.tool.name)
            .arg(format!("-std={}", self.standard))
            .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-g", "-pthread"])
            .arg("-I")
            .arg(project.root.join("include"))
            .args(["-x", self.language])
            .arg(source)
            // What follows, the library, is no source.
            .args(["-x", "none"])
            .dir(&project.root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_say_when_they_are_for_cpp_too() {
        let takers = |source| COMPILERS.iter().filter(|c| c.takes(source)).count();
        assert_eq!(takers("int main(void) { return 0; }"), 2);
        assert_eq!(takers("/* also: c++ */\nint main(void) { return 0; }"), 4);
    }
}
