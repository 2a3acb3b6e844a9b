//! The emulator's machines.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::exec::Cmd;
use crate::tools::{self, Tool};

/// A machine, by the emulator's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine(pub &'static str);

impl Machine {
    /// One of those that tests are built for.
    pub fn named(name: String) -> Result<Self> {
        let known = super::TARGETS.iter().map(|(_, machine)| *machine).find(|machine| machine.0 == name);
        ensure!(known.is_some(), "no machine is known as {name}");
        Ok(known.unwrap_or(Self("")))
    }

    fn emulator(self) -> &'static Tool {
        if self.0 == "virt" { &tools::QEMU_RISCV } else { &tools::QEMU_ARM }
    }

    /// Makes sure that it can be emulated.
    pub fn need(self) -> Result<()> {
        tools::need(&[self.emulator()])
    }

    /// Switches it on with that program, which gets these words as its command line. Its exit status is the program's.
    /// Runs repeat exactly: time is counted in instructions.
    pub fn run(self, elf: &Path, words: &[&str]) -> Cmd {
        let mut semihosting = "enable=on,target=native".to_owned();
        for word in words {
            semihosting += &format!(",arg={word}");
        }
        let cmd = Cmd::new(self.emulator().name).args(["-machine", self.0, "-icount", "shift=4,sleep=off"]);
        let cmd = if self.0 == "virt" { cmd.args(["-bios", "none"]) } else { cmd };
        cmd.args(["-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config", &semihosting])
            .arg("-kernel")
            .arg(elf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_those_of_the_targets() {
        assert_eq!(Machine::named("virt".into()).unwrap(), Machine("virt"));
        assert!(Machine::named("toaster".into()).is_err());
    }
}
