//! Tools from Python's package index, in an environment of their own below target/.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::tools::{self, Missing, Tool};

const PYTHON: Tool = Tool { name: "python3", package: "python3" };
const VENV: Tool = Tool { name: "/usr/share/doc/python3-venv", package: "python3-venv" };

/// The environment with exactly these packages (`name==version`), made if it is not there: the folder of its programs.
pub fn environment(project: &Project, log: &mut Log, name: &str, packages: &[&str]) -> Result<PathBuf> {
    tools::need(&[&PYTHON])?;
    let folder = project.target.join("tools").join(name);
    let programs = folder.join("bin");
    let mark = folder.join("packages");
    let wanted = packages.join("\n");
    if fs::read_to_string(&mark).is_ok_and(|had| had == wanted) {
        return Ok(programs);
    }
    if !create(&folder) {
        // Debian's python3 has the module without what it needs.
        tools::need(&[&VENV])?;
        if !create(&folder) {
            return Err(Missing { advice: "needs: python3 -m venv".to_owned() }.into());
        }
    }
    let pip =
        Cmd::new(programs.join("pip")).args(["install", "--quiet", "--disable-pip-version-check", "--no-compile"]);
    if let Err(error) = log.check(&pip.args(packages)) {
        return Err(Missing { advice: format!("needs: pip install {} ({error:#})", packages.join(" ")) }.into());
    }
    fs::write(&mark, wanted)?;
    Ok(programs)
}

fn create(folder: &Path) -> bool {
    Cmd::new(PYTHON.name).args(["-m", "venv", "--clear"]).arg(folder).read().is_ok()
}
