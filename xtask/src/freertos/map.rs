//! The linker's map file: how much of an image is the library, the port, the kernel, the application.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use regex::Regex;

/// Whose bytes they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Owner {
    Library,
    Port,
    Kernel,
    Helpers,
    Rest,
}

impl Owner {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Library, "the library"),
        (Self::Port, "its port to FreeRTOS"),
        (Self::Kernel, "the kernel"),
        (Self::Helpers, "Rust's memcpy and the like"),
        (Self::Rest, "the application, the C library"),
    ];

    fn of(file: &str) -> Self {
        if file.contains("libcocancel.a(compiler_builtins") {
            Self::Helpers
        } else if file.contains("libcocancel.a(") {
            Self::Library
        } else if file.contains("cocancel_freertos.c") {
            Self::Port
        } else if file.contains("FreeRTOS-Kernel/") {
            Self::Kernel
        } else {
            Self::Rest
        }
    }
}

/// An input section that made it into the image.
#[derive(Debug)]
struct Section {
    name: String,
    size: u64,
    owner: Owner,
}

impl Section {
    fn is_ram_only(&self) -> bool {
        self.name.starts_with(".bss") || self.name == "COMMON"
    }

    /// Initialised data takes both.
    fn is_in_flash(&self) -> bool {
        [".text", ".rodata", ".data", ".ARM.exidx", ".vectors"].iter().any(|start| self.name.starts_with(start))
    }

    fn is_in_ram(&self) -> bool {
        self.is_ram_only() || self.name.starts_with(".data")
    }
}

fn sections(map: &str) -> Result<Vec<Section>> {
    let (_, map) = map.split_once("Linker script and memory map").context("no map file of the GNU linker")?;
    // A long name has a line of its own.
    let section = Regex::new(r"(?m)^ (\.\S+|COMMON)\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S.*)$")?;
    let mut all = Vec::new();
    for found in section.captures_iter(map) {
        let size = u64::from_str_radix(&found[2], 16)?;
        all.push(Section { name: found[1].to_owned(), size, owner: Owner::of(&found[3]) });
    }
    ensure!(all.iter().any(|s| s.owner == Owner::Library && s.size > 0), "nothing of the library is in the image");
    Ok(all)
}

/// A table of bytes.
pub fn report(map: &str) -> Result<String> {
    let sections = sections(map)?;
    let sum = |filter: &dyn Fn(&Section) -> bool| sections.iter().filter(|s| filter(s)).map(|s| s.size).sum::<u64>();
    let mut text = String::from("  bytes of                          FLASH     RAM\n");
    for (owner, name) in Owner::ALL {
        let flash = sum(&|s| s.owner == owner && s.is_in_flash());
        let ram = sum(&|s| s.owner == owner && s.is_in_ram());
        writeln!(text, "  {name:<32}{flash:>7} {ram:>7}")?;
    }
    let storage = sum(&|s| s.name == ".bss.cocancel_storage");
    ensure!(storage > 0, "no .bss.cocancel_storage in the image");
    writeln!(text, "  of the application: the library's storage {storage:>5}")?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "\
Discarded input sections

 .text          0x00000000       0x99 libcocancel.a(a.o)

Linker script and memory map

.text           0x08000000     0x4000
 .vectors       0x08000000       0xc0 start.c.obj
 .text.a_long_name_of_a_function
                0x08000100       0x10 target/libcocancel.a(a.o)
 *fill*         0x08000110        0x2 
 .rodata.x      0x08000114        0x6 target/libcocancel.a(a.o)
 .text.memcpy   0x08000118        0x8 target/libcocancel.a(compiler_builtins.o)
 .text.tasks    0x08000120       0x20 c/FreeRTOS-Kernel/tasks.c.obj
 .bss.cocancel_storage
                0x20000000       0xf0 main.c.obj
 .bss.records   0x20000100       0x60 ports/cocancel_freertos.c.obj
 .data.one      0x20000200        0x4 main.c.obj
";

    #[test]
    fn bytes_are_added_up_for_each_owner() {
        let words: Vec<Vec<String>> = report(MAP)
            .unwrap()
            .lines()
            .map(|line| line.split_whitespace().map(str::to_owned).rev().take(2).collect())
            .collect();
        let is = |line: usize, flash: &str, ram: &str| assert_eq!(words[line], [ram, flash], "line {line}");
        is(1, "22", "0");
        is(2, "0", "96");
        is(3, "32", "0");
        is(4, "8", "0");
        is(5, "196", "244");
        assert_eq!(words[6][0], "240");
    }

    #[test]
    fn an_image_without_the_library_is_refused() {
        assert!(report("").is_err());
        assert!(report(&MAP.replace("libcocancel", "other")).is_err());
        assert!(report(&MAP.replace("cocancel_storage", "other")).is_err());
    }
}
