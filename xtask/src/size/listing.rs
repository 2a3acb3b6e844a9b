//! An Arm image's instructions: who calls whom, how deep the stack gets, how long interrupts stay masked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::library::Image;
use crate::exec::Cmd;
use crate::tools;

/// An instruction as the disassembler prints it.
struct Instruction {
    function: u64,
    next: u64,
    operation: String,
    operands: String,
}

/// All instructions by address.
pub struct Listing {
    instructions: BTreeMap<u64, Instruction>,
    /// Names of functions by address.
    pub functions: BTreeMap<u64, String>,
    /// Addresses behind calls of, or of jumps to, each function.
    callers: BTreeMap<u64, Vec<Caller>>,
}

/// The functions from the first one to this, and those that are known by now.
type OnTheWay = (Vec<u64>, BTreeMap<u64, Stack>);

#[derive(Clone, Copy)]
enum Caller {
    Returns(u64),
    /// The function that ends in a jump.
    Tail(u64),
}

/// What a function needs of the stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// Bytes, with all that it calls, but for what is called by pointer.
    pub bytes: u64,
    /// It calls by pointer, directly or not: the port's functions, an object's.
    pub is_open: bool,
    /// It may call itself, directly or not; only one round is counted.
    pub is_recursive: bool,
}

impl Instruction {
    /// Where it jumps, or what it calls.
    fn target(&self) -> Option<u64> {
        if !self.operation.starts_with('b') && !self.operation.starts_with("cb") {
            return None;
        }
        let place = self.operands.rsplit(", ").next()?;
        u64::from_str_radix(place.split_once(" <")?.0, 16).ok()
    }
    fn is_call(&self) -> bool {
        self.operation == "bl"
    }
    fn is_indirect(&self) -> bool {
        matches!(self.operation.as_str(), "blx") || (self.operation == "bx" && self.operands != "lr")
    }
    fn returns(&self) -> bool {
        (self.operation == "bx" && self.operands == "lr")
            || ((self.operation.starts_with("pop") || self.operation.starts_with("ldm"))
                && self.operands.contains("pc"))
            || (self.operation.starts_with("ldr") && self.operands.starts_with("pc,"))
    }
    fn always_jumps(&self) -> bool {
        matches!(self.operation.as_str(), "b" | "b.n" | "b.w")
    }
    /// Bytes of the stack.
    fn takes(&self) -> u64 {
        let registers = || self.operands.split(',').count() as u64 * 4;
        let number = |start: &str| self.operands.split_once(start)?.1.trim_end_matches("]!").parse().ok();
        if self.operation.starts_with("push") {
            registers()
        } else if self.operation.starts_with("stmdb") && self.operands.starts_with("sp!, ") {
            registers() - 4
        } else if self.operation.starts_with("str") {
            number("[sp, #-").unwrap_or(0)
        } else if self.operation.starts_with("sub") && self.operands.starts_with("sp, ") {
            number("#").unwrap_or(0)
        } else {
            0
        }
    }
    fn masks(&self) -> bool {
        self.operation == "cpsid"
    }
    /// Or lets them in as they were.
    fn unmasks(&self) -> bool {
        self.operation == "cpsie" || (self.operation == "msr" && self.operands.starts_with("PRIMASK"))
    }
}

impl Listing {
    /// Disassembles.
    pub fn of(elf: &Path) -> Result<Self> {
        tools::need(&[&tools::ARM_OBJDUMP])?;
        Self::parse(&Cmd::new(tools::ARM_OBJDUMP.name).args(["-d", "--no-show-raw-insn"]).arg(elf).read()?)
    }

    /// Reads what the disassembler printed.
    pub fn parse(text: &str) -> Result<Self> {
        let mut listing = Self { instructions: BTreeMap::new(), functions: BTreeMap::new(), callers: BTreeMap::new() };
        let mut function = 0;
        let mut before: Option<u64> = None;
        for line in text.lines() {
            if let Some((address, symbol)) = line.split_once(" <").filter(|_| line.ends_with(">:")) {
                function = u64::from_str_radix(address, 16)?;
                let symbol = symbol.trim_end_matches(">:");
                listing.functions.insert(function, format!("{:#}", rustc_demangle::demangle(symbol)));
                continue;
            }
            let Some((address, text)) = line.split_once(":\t") else { continue };
            let Ok(address) = u64::from_str_radix(address.trim(), 16) else { continue };
            let text = text.split(" @ ").next().unwrap_or_default();
            let (operation, operands) = text.split_once('\t').unwrap_or((text, ""));
            if let Some(before) = before.and_then(|before| listing.instructions.get_mut(&before)) {
                before.next = address;
            }
            before = Some(address);
            let [operation, operands] =
                [operation, operands].map(|t| t.split('\t').next().unwrap_or_default().trim().to_owned());
            listing.instructions.insert(address, Instruction { function, next: 0, operation, operands });
        }
        for instruction in listing.instructions.values() {
            let Some(target) = instruction.target().filter(|target| listing.functions.contains_key(target)) else {
                continue;
            };
            let caller = if instruction.is_call() {
                Caller::Returns(instruction.next)
            } else if target != instruction.function {
                Caller::Tail(instruction.function)
            } else {
                continue;
            };
            listing.callers.entry(target).or_default().push(caller);
        }
        Ok(listing)
    }

    fn body(&self, function: u64) -> impl Iterator<Item = &Instruction> {
        let of_function = move |(_, i): &(&u64, &Instruction)| i.function == function;
        self.instructions.range(function..).take_while(of_function).map(|(_, i)| i)
    }

    /// The functions that this one calls or ends in.
    fn callees(&self, function: u64) -> BTreeSet<u64> {
        let other = |target: &u64| *target != function && self.functions.contains_key(target);
        let mut all: BTreeSet<u64> = self.body(function).filter_map(Instruction::target).filter(other).collect();
        if self.body(function).any(|i| i.is_call() && i.target() == Some(function)) {
            all.insert(function);
        }
        all
    }

    /// Those functions among what this one calls, directly or not, that are asked for. What they call is not looked at.
    pub fn called(&self, name: &str, is_asked_for: impl Fn(&str) -> bool) -> Option<BTreeSet<&str>> {
        let mut left = vec![*self.functions.iter().find(|(_, n)| *n == name)?.0];
        let mut seen = BTreeSet::new();
        let mut all = BTreeSet::new();
        while let Some(function) = left.pop() {
            if !seen.insert(function) {
                continue;
            }
            let name = &self.functions[&function];
            if is_asked_for(name) {
                all.insert(name.as_str());
            } else {
                left.extend(self.callees(function));
            }
        }
        Some(all)
    }

    /// The deepest that the stack gets in a function of this image.
    pub fn stack(&self, image: &Image, name: &str) -> Option<Stack> {
        self.stack_with(image, name, 0)
    }

    /// The same where whatever is called by pointer takes so many bytes.
    pub fn stack_with(&self, image: &Image, name: &str, by_pointer: u64) -> Option<Stack> {
        let function = *self.functions.iter().find(|(_, n)| *n == name)?.0;
        Some(self.depth(image, function, by_pointer, &mut (Vec::new(), BTreeMap::new())))
    }

    fn depth(&self, image: &Image, function: u64, by_pointer: u64, on_the_way: &mut OnTheWay) -> Stack {
        if on_the_way.0.contains(&function) {
            return Stack { is_recursive: true, ..Stack::default() };
        }
        if let Some(stack) = on_the_way.1.get(&function) {
            return *stack;
        }
        on_the_way.0.push(function);
        let is_open = self.body(function).any(Instruction::is_indirect);
        let mut stack = Stack { bytes: if is_open { by_pointer } else { 0 }, is_open, is_recursive: false };
        for callee in self.callees(function) {
            let below = self.depth(image, callee, by_pointer, on_the_way);
            stack.bytes = stack.bytes.max(below.bytes);
            stack.is_open |= below.is_open;
            stack.is_recursive |= below.is_recursive;
        }
        on_the_way.0.pop();
        stack.bytes += image.frames.get(&function).copied().unwrap_or_else(|| self.taken(function));
        if !stack.is_recursive {
            on_the_way.1.insert(function, stack);
        }
        stack
    }

    /// Functions of C, and the linker's and the optimiser's own, have no entry of their frame: what their instructions take, aligned.
    fn taken(&self, function: u64) -> u64 {
        self.body(function).map(Instruction::takes).sum::<u64>().next_multiple_of(8)
    }

    /// The most instructions that are executed with interrupts masked, and where.
    pub fn longest_masked(&self) -> Result<(u32, String)> {
        let mut longest = (0, String::new());
        for instruction in self.instructions.values().filter(|i| i.masks()) {
            let at = self.masked(instruction.next, &[], &mut Vec::new())?.context("interrupts are masked for ever")?;
            if at.0 > longest.0 {
                longest = at;
            }
        }
        Ok(longest)
    }

    /// From here until they are let in again: how many instructions, and in which function that is. `None`: this way goes nowhere.
    fn masked(&self, at: u64, returns: &[u64], path: &mut Vec<(u64, usize)>) -> Result<Option<(u32, String)>> {
        let Some(instruction) = self.instructions.get(&at) else { return Ok(None) };
        let name = &self.functions[&instruction.function];
        if instruction.unmasks() {
            return Ok(Some((1, name.clone())));
        }
        if path.contains(&(at, returns.len())) {
            bail!("a loop with interrupts masked in {name}");
        }
        if instruction.is_indirect() {
            bail!("a call by pointer with interrupts masked in {name}");
        }
        path.push((at, returns.len()));
        let mut ways: Vec<(u64, Vec<u64>)> = Vec::new();
        if instruction.is_call() {
            let target = instruction.target().context("a call of nothing")?;
            ways.push((target, [returns, &[instruction.next]].concat()));
        } else if instruction.returns() {
            match returns.split_last() {
                Some((to, rest)) => ways.push((*to, rest.to_vec())),
                None => ways.extend(self.returns_of(instruction.function).into_iter().map(|to| (to, Vec::new()))),
            }
        } else {
            ways.extend(instruction.target().map(|target| (target, returns.to_vec())));
            if !instruction.always_jumps() {
                ways.push((instruction.next, returns.to_vec()));
            }
        }
        let mut longest = None;
        for (next, returns) in ways {
            longest = longest.max(self.masked(next, &returns, path)?);
        }
        path.pop();
        // who masks and lets in again on behalf of others is not where it happens
        let is_place = returns.is_empty() && !name.contains("critical_section");
        Ok(longest.map(|(n, at): (u32, String)| (n + 1, if is_place { name.clone() } else { at })))
    }

    /// Where a function may return to.
    fn returns_of(&self, function: u64) -> BTreeSet<u64> {
        let mut all = BTreeSet::new();
        let mut left = vec![function];
        let mut seen = BTreeSet::new();
        while let Some(function) = left.pop() {
            if !seen.insert(function) {
                continue;
            }
            for caller in self.callers.get(&function).into_iter().flatten() {
                match *caller {
                    Caller::Returns(to) => _ = all.insert(to),
                    Caller::Tail(from) => left.push(from),
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
00000100 <acquire>:
 100:\tmrs\tr0, PRIMASK
 104:\tcpsid\ti
 106:\tbx\tlr

00000108 <release>:
 108:\tmsr\tPRIMASK, r0
 10c:\tbx\tlr

00000110 <outer>:
 110:\tpush\t{r4, lr}
 112:\tbl\t100 <acquire>
 116:\tcmp\tr0, #0
 118:\tbeq.n\t11c <outer+0xc>
 11a:\tnop
 11c:\tbl\t108 <release>
 120:\tblx\tr3
 122:\tb.n\t110 <outer>
";

    #[test]
    fn masked_instructions_are_followed_through_calls() {
        let listing = Listing::parse(TEXT).unwrap();
        // bx, cmp, beq, nop, bl, msr
        assert_eq!(listing.longest_masked().unwrap().0, 6);
        let endless = TEXT.replace("11a:\tnop", "11a:\tb.n\t116 <outer+0x6>");
        assert!(Listing::parse(&endless).unwrap().longest_masked().is_err());
        let open = TEXT.replace("11a:\tnop", "11a:\tblx\tr2");
        assert!(Listing::parse(&open).unwrap().longest_masked().is_err());
    }

    #[test]
    fn what_a_function_calls_is_followed_to_what_is_asked_for() {
        let listing = Listing::parse(TEXT).unwrap();
        let called =
            |name| listing.called(name, |name| name == "acquire").map(|all| all.into_iter().collect::<Vec<_>>());
        assert_eq!(called("outer").unwrap(), ["acquire"]);
        assert!(called("release").unwrap().is_empty());
        assert!(called("other").is_none());
    }

    #[test]
    fn frames_without_an_entry_are_read_from_the_instructions() {
        let takes = |operation: &str, operands: &str| {
            let [operation, operands] = [operation, operands].map(str::to_owned);
            Instruction { function: 0, next: 0, operation, operands }.takes()
        };
        assert_eq!(takes("push", "{r4, r5, lr}"), 12);
        assert_eq!(takes("stmdb", "sp!, {r4, r5, r6, lr}"), 16);
        assert_eq!(takes("stmdb", "r0!, {r4, r5}"), 0);
        assert_eq!(takes("str.w", "lr, [sp, #-8]!"), 8);
        assert_eq!(takes("strd", "r0, r1, [sp, #-16]!"), 16);
        assert_eq!(takes("str", "r0, [sp, #4]"), 0);
        assert_eq!(takes("sub", "sp, #24"), 24);
        assert_eq!(takes("sub.w", "sp, sp, #520"), 520);
        assert_eq!(takes("subs", "r0, #24"), 0);
        let listing = Listing::parse(TEXT).unwrap();
        assert_eq!(listing.stack(&Image::default(), "outer").unwrap().bytes, 8);
    }

    #[test]
    fn stacks_are_added_up() {
        let listing = Listing::parse(TEXT).unwrap();
        let image = Image { frames: [(0x100, 16), (0x108, 0), (0x110, 8)].into(), ..Image::default() };
        let stack = |name| listing.stack(&image, name).unwrap();
        assert_eq!(stack("acquire"), Stack { bytes: 16, ..Stack::default() });
        assert_eq!(stack("outer"), Stack { bytes: 24, is_open: true, is_recursive: false });
        assert_eq!(listing.stack_with(&image, "outer", 12).unwrap().bytes, 24);
        assert_eq!(listing.stack_with(&image, "outer", 20).unwrap().bytes, 28);
        assert_eq!(listing.stack_with(&image, "acquire", 20).unwrap().bytes, 16);
        let recursive = Listing::parse(&TEXT.replace("bl\t108 <release>", "bl\t110 <outer>")).unwrap();
        assert!(recursive.stack(&image, "outer").unwrap().is_recursive);
    }
}
