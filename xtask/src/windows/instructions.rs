//! Every instruction of a linked image, against what the processor must have and what a kernel saves.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use iced_x86::{
    Code, CpuidFeature, Decoder, DecoderOptions, Instruction, InstructionInfoFactory, Mnemonic, OpKind, Register,
};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};

use super::target::Arch;

/// What is in a plain Pentium; `pause` is a `nop` there.
const PENTIUM: [CpuidFeature; 8] = [
    CpuidFeature::INTEL8086,
    CpuidFeature::INTEL186,
    CpuidFeature::INTEL286,
    CpuidFeature::INTEL386,
    CpuidFeature::INTEL486,
    CpuidFeature::CPUID,
    CpuidFeature::CX8,
    CpuidFeature::PAUSE,
];
/// What every 64-bit processor has besides, without touching a register that the kernel does not save.
const X86_64: [CpuidFeature; 3] = [CpuidFeature::X64, CpuidFeature::CMOV, CpuidFeature::MULTIBYTENOP];

/// What an instruction must not be.
fn offence(arch: Arch, instruction: &Instruction, info: &mut InstructionInfoFactory) -> Option<String> {
    if instruction.code() == Code::INVALID {
        return Some("no instruction: data among the code, or one that is not known".into());
    }
    let has = |feature| PENTIUM.contains(&feature) || (arch == Arch::X86_64 && X86_64.contains(&feature));
    if let Some(feature) = instruction.cpuid_features().iter().find(|f| !has(**f)) {
        return Some(format!("needs {feature:?}"));
    }
    if is_below_the_stack(instruction) {
        return Some("reaches below the stack pointer, where an interrupt handler's frame may stand".into());
    }
    let used = info.info(instruction).used_registers();
    let vector = |r: &iced_x86::UsedRegister| {
        let r = r.register();
        r.is_vector_register() || r.is_st() || r.is_mm() || r.is_k() || r.is_tmm()
    };
    used.iter().find(|r| vector(r)).map(|r| format!("touches {:?}", r.register()))
}

/// Whether it reads or writes in a red zone.
fn is_below_the_stack(instruction: &Instruction) -> bool {
    let accesses = instruction.op_kinds().any(|kind| kind == OpKind::Memory) && instruction.mnemonic() != Mnemonic::Lea;
    let below = match instruction.memory_base() {
        Register::RSP => (instruction.memory_displacement64() as i64) < 0,
        Register::ESP => (instruction.memory_displacement32() as i32) < 0,
        _ => false,
    };
    accesses && below
}

/// What of this code does not belong there.
fn offences(arch: Arch, code: &[u8], address: u64) -> (usize, Vec<String>) {
    let mut info = InstructionInfoFactory::new();
    let mut count = 0;
    let mut found = Vec::new();
    for instruction in Decoder::with_ip(arch.bits(), code, address, DecoderOptions::NONE) {
        count += 1;
        if let Some(what) = offence(arch, &instruction, &mut info) {
            found.push(format!("{:#x}: {:?}: {what}", instruction.ip(), instruction.code()));
        }
    }
    (count, found)
}

/// The same for an image. That it holds hardly any instruction is an error.
pub fn check(arch: Arch, image: &Path) -> Result<(usize, Vec<String>)> {
    let bytes = std::fs::read(image).with_context(|| image.display().to_string())?;
    let file = object::File::parse(&*bytes)?;
    // GNU ld puts the lists of constructors and destructors, which are data, behind the code
    let lists =
        file.symbols().filter(|s| s.name().is_ok_and(|n| n.ends_with("_CTOR_LIST__"))).map(|s| s.address()).min();
    let mut count = 0;
    let mut found = Vec::new();
    for section in file.sections().filter(|s| s.kind() == SectionKind::Text) {
        let data = section.data()?;
        let end = lists.map_or(section.size(), |lists: u64| lists.saturating_sub(section.address()));
        // the rest fills the page
        let data = data.get(..end.min(section.size()) as usize).unwrap_or(data);
        let (more, offences) = offences(arch, data, section.address());
        count += more;
        found.extend(offences);
    }
    ensure!(count > 1000, "{} holds only {count} instructions", image.display());
    Ok((count, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(arch: Arch, code: &[u8]) -> bool {
        !offences(arch, code, 0).1.is_empty()
    }

    #[test]
    fn what_a_pentium_has_not_is_found() {
        let movaps = [0x0F, 0x28, 0xC1];
        let fld1 = [0xD9, 0xE8];
        let emms = [0x0F, 0x77];
        let cmove = [0x0F, 0x44, 0xC1];
        let long_nop = [0x0F, 0x1F, 0x00];
        for code in [&movaps[..], &fld1, &emms, &cmove, &long_nop] {
            assert!(is_refused(Arch::I686, code), "{code:x?}");
        }
        for code in [&movaps[..], &fld1, &emms] {
            assert!(is_refused(Arch::X86_64, code), "{code:x?}");
        }
        assert!(is_refused(Arch::I686, &[0xFF, 0xFF]));
        // mov eax, [esp - 8]
        for (arch, code) in
            [(Arch::I686, &[0x8B, 0x44, 0x24, 0xF8][..]), (Arch::X86_64, &[0x48, 0x89, 0x44, 0x24, 0xF8])]
        {
            assert!(is_refused(arch, code), "{code:x?}");
        }
    }

    #[test]
    fn what_it_has_passes() {
        let cmpxchg = [0xF0, 0x0F, 0xB1, 0x0A];
        let cmpxchg8b = [0xF0, 0x0F, 0xC7, 0x0E];
        let bswap = [0x0F, 0xC8];
        for code in [&cmpxchg[..], &cmpxchg8b, &bswap, &[0xCC, 0x90, 0xF3, 0x90, 0x0F, 0x0B]] {
            assert!(!is_refused(Arch::I686, code), "{code:x?}");
        }
        // mov eax, [esp + 8]; lea esp, [esp - 8]
        assert!(!is_refused(Arch::I686, &[0x8B, 0x44, 0x24, 0x08, 0x8D, 0x64, 0x24, 0xF8]));
        assert!(!is_refused(Arch::X86_64, &[0x48, 0x0F, 0x44, 0xC1, 0x0F, 0x1F, 0x00]));
    }
}
