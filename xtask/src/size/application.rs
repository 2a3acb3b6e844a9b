//! The image of examples/freertos: whose its bytes are, and how deep the stacks of its tasks get.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection, SectionFlags, SectionKind};

use super::library::{CORTEX_M3, Image, TARGETS, is_c};
use super::listing::Listing;
use crate::freertos::map::{Bytes, Map, Owner};
use crate::log::Log;
use crate::project::Project;

/// Whose stack it is, and the function that runs on it.
const TASKS: [(&str, &str); 3] = [
    ("a client's task", "run_client"),
    ("the server's task", "transport_serve"),
    ("the watchdog's task", "run_watchdog"),
];
/// The kernel's own task, which uses nothing of the library.
const IDLE: &str = "prvIdleTask";
const HANDLER: &str = "board_interrupt";
/// Of the kernel. One of them may be interrupted by that handler.
const HANDLERS: [&str; 2] = ["SysTick_Handler", "PendSV_Handler"];
/// The one hook of the example: what the library calls by pointer besides the port.
const HOOK: &str = "transport_orphaned";
/// What the processor saves of whatever it interrupts: 8 registers, aligned.
const INTERRUPTED: u64 = 8 * 4 + 4;
/// With what the kernel saves of a task: 8 others.
const SWITCHED: u64 = INTERRUPTED + 8 * 4;

/// The linked image.
struct Application {
    map: Map,
    /// With what the linker left empty.
    all: Bytes,
    listing: Listing,
    image: Image,
}

impl Application {
    fn build(project: &Project, log: &mut Log) -> Result<Self> {
        let library = TARGETS[CORTEX_M3].build(project, log, false)?;
        let (elf, map) = crate::freertos::example(project, log, &library)?;
        let all = sections(&elf)?;
        Ok(Self { map: Map::parse(&map)?, all, listing: Listing::of(&elf)?, image: Image::read(elf)? })
    }

    /// What the linker left empty.
    fn alignment(&self) -> Result<Bytes> {
        let owned = |of: fn(&Bytes) -> u64| self.map.owners.values().map(of).sum::<u64>();
        let left = |all: u64, owned: u64| all.checked_sub(owned).with_context(|| format!("{all} bytes, {owned} owned"));
        Ok(Bytes { flash: left(self.all.flash, owned(|b| b.flash))?, ram: left(self.all.ram, owned(|b| b.ram))? })
    }

    /// What a function takes of the stack, where what is called by pointer takes so much.
    fn stack(&self, function: &str, by_pointer: u64) -> Result<u64> {
        let stack = self.listing.stack_with(&self.image, function, by_pointer);
        Ok(stack.with_context(|| format!("the image has no {function}"))?.bytes)
    }

    /// The same, for whoever calls the library.
    fn with_port(&self, function: &str) -> Result<u64> {
        // but for those that an application calls
        let port = self.map.functions.iter().map(String::as_str).filter(|name| !is_c(name));
        let depths = port.chain([HOOK]).map(|name| self.stack(name, 0)).collect::<Result<Vec<_>>>()?;
        self.stack(function, depths.into_iter().max().unwrap_or_default())
    }

    /// The library's part of that, and which of its functions is the deepest.
    fn library(&self, function: &str) -> Result<(u64, &str)> {
        let is_library = |name: &str| is_c(name) && !name.starts_with("cocancel_freertos_");
        let called = self.listing.called(function, is_library).unwrap_or_default();
        let depths = called.into_iter().map(|name| Ok((self.stack(name, 0)?, name))).collect::<Result<Vec<_>>>()?;
        depths.into_iter().max().with_context(|| format!("{function} calls nothing of the library"))
    }

    /// The most on the stack of a task or handler, which has to be enough.
    fn enough(&self, whose: &str, function: &str, has: u64, more: u64) -> Result<u64> {
        let all = self.with_port(function)? + more;
        ensure!(all <= has, "{whose} has a stack of {has} bytes and may need {all}");
        Ok(all)
    }

    /// A row of the table of stacks.
    fn stack_row(&self, page: &mut String, whose: &str, function: &str, has: u64, more: u64) -> Result<()> {
        let (library, deepest) = self.library(function)?;
        let all = self.enough(whose, function, has, more)?;
        writeln!(page, "| {whose} | {has} | {all} | {library} | `{deepest}` |")?;
        Ok(())
    }
}

/// Bytes of the sections that are loaded or zeroed.
fn sections(elf: &Path) -> Result<Bytes> {
    let bytes = fs::read(elf)?;
    let file = object::File::parse(&*bytes)?;
    let mut all = Bytes::default();
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags } = section.flags() else { continue };
        let has = |flag: u32| sh_flags & u64::from(flag) != 0;
        if !has(object::elf::SHF_ALLOC) {
            continue;
        }
        if section.kind() != SectionKind::UninitializedData {
            all.flash += section.size();
        }
        if has(object::elf::SHF_WRITE) {
            all.ram += section.size();
        }
    }
    Ok(all)
}

/// Bytes of the variable whose name starts so.
fn variable(variables: &BTreeMap<String, u64>, start: &str) -> Result<u64> {
    let found = variables.iter().find(|(name, _)| name.starts_with(start));
    found.map(|(_, size)| *size).filter(|size| *size > 0).with_context(|| format!("the image has no {start}"))
}

/// Bytes of the stack of each of the example's tasks: the kernel's variable for its own task tells how many there are.
fn stack_of_task(variables: &BTreeMap<String, u64>) -> Result<u64> {
    let size = |start| variable(variables, start);
    let [states, stacks, state] = [size("task_states")?, size("task_stacks")?, size("xIdleTaskTCB")?];
    ensure!(
        states % state == 0 && stacks % (states / state) == 0,
        "no whole number of tasks: {states} of {state} bytes"
    );
    Ok(stacks / (states / state))
}

/// The section of the page.
pub fn section(page: &mut String, project: &Project, log: &mut Log) -> Result<()> {
    let application = Application::build(project, log)?;
    let Application { map, all, .. } = &application;
    let Bytes { flash, ram } = map.board;
    writeln!(
        page,
        "\n## A whole application in {} KiB of RAM\n\n[examples/freertos](../examples/freertos), as linked for stm32vldiscovery ({flash} bytes of flash, {ram} \
         of RAM): the library as above, native, what the example uses of it; the rest compiled by GCC with `-Os`. Whose a section is, by the \
         linker's map. The library's storage is the example's `cocancel_storage`; the tasks' control blocks and stacks include the idle task's.\n\n\
         | bytes of | flash | RAM |\n|---|---|---|",
        ram / 1024
    )?;
    let mut row = |what: &str, Bytes { flash, ram }: Bytes| writeln!(page, "| {what} | {flash} | {ram} |");
    for (owner, name) in Owner::ALL {
        row(name, map.of(owner))?;
    }
    row("left empty, for alignment", application.alignment()?)?;
    row("all", *all)?;
    ensure!(all.flash <= flash && all.ram <= ram, "more than the board has");
    let left = ram - all.ram;
    writeln!(
        page,
        "\nLeft: {} bytes of flash, {left} of RAM. The latter are the stack of `main` and, once the scheduler runs, of the interrupt handlers.\n\n\
         The stacks, and the most that can be on one, as under [Stack](#stack): the task's own functions, the library's, and the port's and the kernel's, \
         also those that the library calls by pointer, as if it called the deepest of them wherever it calls one; what the processor and the kernel \
         save when they interrupt a task ({SWITCHED} bytes); one of the kernel's interrupt handlers under the timer's. The report is refused \
         if that is more than the stack has. *library*: without the port, the function of the library in there that takes the most.\n\n\
         | stack of | bytes | most | library | in |\n|---|---|---|---|---|",
        flash - all.flash
    )?;
    let has = stack_of_task(&map.variables)?;
    for (whose, function) in TASKS {
        application.stack_row(page, whose, function, has, SWITCHED)?;
    }
    let has = variable(&map.variables, "uxIdleTaskStack")?;
    let idle = application.enough("the idle task", IDLE, has, SWITCHED)?;
    writeln!(page, "| the kernel's idle task | {has} | {idle} | 0 | |")?;
    application.stack_row(page, "`main`", "main", left, 0)?;
    let below = HANDLERS.map(|handler| application.with_port(handler)).into_iter().collect::<Result<Vec<_>>>()?;
    let below = below.into_iter().max().unwrap_or_default() + INTERRUPTED;
    application.stack_row(page, "the interrupt handlers", HANDLER, left, below)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "\
FLASH            0x08000000         0x00000100
RAM              0x20000000         0x00000100
Linker script and memory map
 .text.a        0x08000000       0x10 libcocancel.a(a.o)
 .text.wait     0x08000010        0x8 cocancel_freertos.c.obj
 .text.cocancel_freertos_id
                0x08000018        0x8 cocancel_freertos.c.obj
 .bss.cocancel_storage
                0x20000000       0x20 main.c.obj
";
    const CODE: &str = "
00000100 <task>:
 100:\tpush\t{r4, lr}
 102:\tbl\t110 <cocancel_wait>
 104:\tbl\t118 <cocancel_test>
 106:\tbl\t120 <cocancel_freertos_id>

00000110 <cocancel_wait>:
 110:\tsub\tsp, #32
 112:\tblx\tr3

00000118 <cocancel_test>:
 118:\tsub\tsp, #8

00000120 <cocancel_freertos_id>:
 120:\tsub\tsp, #200

00000128 <wait>:
 128:\tsub\tsp, #16

00000130 <transport_orphaned>:
 130:\tsub\tsp, #8
";

    fn application() -> Application {
        let (map, listing) = (Map::parse(MAP).unwrap(), Listing::parse(CODE).unwrap());
        Application { map, all: Bytes { flash: 34, ram: 40 }, listing, image: Image::default() }
    }

    #[test]
    fn what_nobody_owns_is_the_rest() {
        let mut application = application();
        assert_eq!(application.alignment().unwrap(), Bytes { flash: 2, ram: 8 });
        application.all.flash = 31;
        assert!(application.alignment().is_err());
    }

    #[test]
    fn a_stack_holds_the_task_the_library_and_what_that_calls_by_pointer() {
        let mut application = application();
        let row = |application: &Application, has| {
            let mut page = String::new();
            application.stack_row(&mut page, "a task", "task", has, 4).map(|()| page)
        };
        // the port's function that the application calls is the deepest
        assert_eq!(row(&application, 212).unwrap(), "| a task | 212 | 212 | 32 | `cocancel_wait` |\n");
        assert!(row(&application, 211).is_err());
        application.listing = Listing::parse(&CODE.replace("#200", "#24")).unwrap();
        assert_eq!(row(&application, 300).unwrap(), "| a task | 300 | 60 | 32 | `cocancel_wait` |\n");
        application.listing = Listing::parse(&CODE.replace("cocancel_wait", "other").replace("_test", "_tes")).unwrap();
        assert!(application.stack_row(&mut String::new(), "none", "wait", 300, 0).is_err());
    }

    #[test]
    fn each_task_has_its_part_of_the_stacks() {
        let variables = |states| [("task_states", states), ("task_stacks", 480), ("xIdleTaskTCB.1", 20)];
        let variables = |states| variables(states).map(|(name, size)| (name.to_owned(), size)).into();
        assert_eq!(stack_of_task(&variables(60)).unwrap(), 160);
        assert!(stack_of_task(&variables(50)).is_err());
        assert!(stack_of_task(&variables(0)).is_err());
    }
}
