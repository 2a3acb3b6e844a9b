//! The linker's map file: how much of an image is the library, the port, the kernel, the application.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use regex::Regex;

/// Whose bytes they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Owner {
    Library,
    Helpers,
    Storage,
    Port,
    Kernel,
    States,
    Stacks,
    Start,
    Application,
}

impl Owner {
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Library, "cocancel: code, constants, data"),
        (Self::Helpers, "Rust's memcpy and the like"),
        (Self::Storage, "cocancel: the storage it is given"),
        (Self::Port, "its port to FreeRTOS"),
        (Self::Kernel, "the kernel"),
        (Self::States, "the tasks' control blocks"),
        (Self::Stacks, "the tasks' stacks"),
        (Self::Start, "start-up, the C library"),
        (Self::Application, "the application"),
    ];

    /// By the name of an input section, which is that of its variable, and by the file that it is from.
    fn of(section: &str, file: &str) -> Self {
        // the second ones are the idle task's, in the kernel
        let has = |names: [&str; 2]| section.starts_with(".bss.") && names.iter().any(|name| section.contains(name));
        if file.contains("libcocancel.a(compiler_builtins") {
            Self::Helpers
        } else if file.contains("libcocancel.a(") {
            Self::Library
        } else if section == ".bss.cocancel_storage" {
            Self::Storage
        } else if has(["task_states", "TaskTCB"]) {
            Self::States
        } else if has(["task_stacks", "TaskStack"]) {
            Self::Stacks
        } else if file.contains("cocancel_freertos.c") {
            Self::Port
        } else if file.contains("FreeRTOS-Kernel/") {
            Self::Kernel
        } else if file.contains(".a(") || file.contains(".dir/board/") {
            Self::Start
        } else {
            Self::Application
        }
    }
}

/// What is taken of each kind of memory.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Bytes {
    pub flash: u64,
    pub ram: u64,
}

/// What a linker's map file says.
#[derive(Debug)]
pub struct Map {
    /// How much memory the board has.
    pub board: Bytes,
    /// Without what the linker leaves empty so that all is aligned.
    pub owners: BTreeMap<Owner, Bytes>,
    /// Of each variable that is zeroed at the start, by its name.
    pub variables: BTreeMap<String, u64>,
    /// The port's.
    pub functions: Vec<String>,
}

impl Map {
    /// Reads it.
    pub fn parse(text: &str) -> Result<Self> {
        let (head, text) = text.split_once("Linker script and memory map").context("no map file of the GNU linker")?;
        let board = Bytes { flash: memory(head, "FLASH")?, ram: memory(head, "RAM")? };
        let mut map = Self { board, owners: BTreeMap::new(), variables: BTreeMap::new(), functions: Vec::new() };
        let sections = sections(text)?;
        for (number, (address, section)) in sections.iter().enumerate() {
            let Section { name, size, file } = section;
            // A string that is there already is listed with its size, and takes nothing.
            let room = sections.get(number + 1).map_or(*size, |(next, _)| next - address);
            let size = room.min(*size);
            let owner = Owner::of(name, file);
            let bytes = map.owners.entry(owner).or_default();
            bytes.flash += if section.is_in_flash() { size } else { 0 };
            bytes.ram += if section.is_in_ram() { size } else { 0 };
            if let Some(variable) = name.strip_prefix(".bss.") {
                map.variables.insert(variable.to_owned(), size);
            }
            if let Some(function) = name.strip_prefix(".text.").filter(|_| owner == Owner::Port) {
                map.functions.push(function.to_owned());
            }
        }
        ensure!(map.of(Owner::Library).flash > 0, "nothing of the library is in the image");
        ensure!(map.of(Owner::Storage).ram > 0, "no .bss.cocancel_storage in the image");
        Ok(map)
    }

    /// What is somebody's.
    pub fn of(&self, owner: Owner) -> Bytes {
        self.owners.get(&owner).copied().unwrap_or_default()
    }
}

/// An input section that made it into the image.
struct Section {
    name: String,
    size: u64,
    file: String,
}

impl Section {
    fn is_zeroed(&self) -> bool {
        self.name.starts_with(".bss") || self.name == "COMMON"
    }

    /// Initialised data takes both.
    fn is_in_flash(&self) -> bool {
        [".text", ".rodata", ".data", ".ARM.exidx", ".vectors"].iter().any(|start| self.name.starts_with(start))
    }

    fn is_in_ram(&self) -> bool {
        self.is_zeroed() || self.name.starts_with(".data")
    }
}

/// Those that take memory, with their addresses, in this order.
fn sections(text: &str) -> Result<Vec<(u64, Section)>> {
    // A long name has a line of its own.
    let section = Regex::new(r"(?m)^ (\.\S+|COMMON)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S.*)$")?;
    let mut all = Vec::new();
    for found in section.captures_iter(text) {
        let [address, size] = [2, 3].map(|number| u64::from_str_radix(&found[number], 16));
        let section = Section { name: found[1].to_owned(), size: size?, file: found[4].to_owned() };
        if section.size > 0 && (section.is_in_flash() || section.is_in_ram()) {
            all.push((address?, section));
        }
    }
    all.sort_by_key(|(address, _)| *address);
    Ok(all)
}

/// How long a region of the linker script is.
fn memory(head: &str, region: &str) -> Result<u64> {
    let line = Regex::new(&format!(r"(?m)^{region} +0x[0-9a-f]+ +0x([0-9a-f]+)"))?;
    let found = line.captures(head).with_context(|| format!("the map file has no memory {region}"))?;
    Ok(u64::from_str_radix(&found[1], 16)?)
}

/// A table of bytes.
pub fn report(map: &str) -> Result<String> {
    let map = Map::parse(map)?;
    let mut text = String::from("  bytes of                          FLASH     RAM\n");
    for (owner, name) in Owner::ALL {
        let Bytes { flash, ram } = map.of(owner);
        writeln!(text, "  {name:<33}{flash:>6} {ram:>7}")?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "\
Discarded input sections

 .text          0x00000000       0x99 libcocancel.a(a.o)

Memory Configuration

Name             Origin             Length             Attributes
FLASH            0x08000000         0x00020000
RAM              0x20000000         0x00002000
*default*        0x00000000         0xffffffff

Linker script and memory map

.text           0x08000000     0x4000
 .vectors       0x08000000       0xc0 example.dir/board/start.c.obj
 .text.a_long_name_of_a_function
                0x08000100       0x10 target/libcocancel.a(a.o)
 *fill*         0x08000110        0x2 
 .rodata.x      0x08000114        0x6 target/libcocancel.a(a.o)
 .text.memcpy   0x0800011c        0x8 target/libcocancel.a(compiler_builtins.o)
 .text.tasks    0x08000124       0x20 c/FreeRTOS-Kernel/tasks.c.obj
 .text.memset   0x08000144        0xa arm/libc_nano.a(libc_a-memset.o)
 .text.main     0x08000150        0xc main.c.obj
 .text.wake     0x08000160        0x8 ports/cocancel_freertos.c.obj
 .rodata.twice.str1.1
                0x08000168        0x8 main.c.obj
                                  0x9 (size before relaxing)
 .rodata.once.str1.1
                0x08000168        0x3 main.c.obj
 .bss.cocancel_storage
                0x20000000       0xf0 main.c.obj
 .bss.records   0x20000100       0x60 ports/cocancel_freertos.c.obj
 .bss.task_stacks
                0x20000200      0x100 main.c.obj
 .bss.task_states
                0x20000300       0x40 main.c.obj
 .bss.uxIdleTaskStack.1
                0x20000400       0x80 c/FreeRTOS-Kernel/tasks.c.obj
 .bss.xIdleTaskTCB.0
                0x20000480       0x20 c/FreeRTOS-Kernel/tasks.c.obj
 .bss.xTickCount
                0x200004a0        0x4 c/FreeRTOS-Kernel/tasks.c.obj
 .data.one      0x20000500        0x4 main.c.obj
 .bss           0x20000504        0x0 target/libcocancel.a(a.o)
 .bss.default   0x20000504        0x4 target/libcocancel.a(a.o)
";

    #[test]
    fn bytes_are_added_up_for_each_owner() {
        let map = Map::parse(MAP).unwrap();
        let is = |owner, flash, ram| assert_eq!(map.of(owner), Bytes { flash, ram }, "{owner:?}");
        is(Owner::Library, 22, 4);
        is(Owner::Helpers, 8, 0);
        is(Owner::Storage, 0, 240);
        is(Owner::Port, 8, 96);
        is(Owner::Kernel, 32, 4);
        is(Owner::States, 0, 96);
        is(Owner::Stacks, 0, 384);
        is(Owner::Start, 202, 0);
        is(Owner::Application, 19, 4);
        assert_eq!(map.variables["task_stacks"], 256);
        assert_eq!(map.functions, ["wake"]);
        assert_eq!(map.board, Bytes { flash: 0x2_0000, ram: 0x2000 });
        // a line for each, and one above
        assert_eq!(report(MAP).unwrap().lines().count(), Owner::ALL.len() + 1);
    }

    #[test]
    fn an_image_without_the_library_is_refused() {
        assert!(report("").is_err());
        assert!(report(&MAP.replace("libcocancel", "other")).is_err());
        assert!(report(&MAP.replace("cocancel_storage", "other")).is_err());
        assert!(report(&MAP.replace("RAM  ", "ROM  ")).is_err());
    }
}
