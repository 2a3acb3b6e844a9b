//! The emulator's RISC-V machine `virt`. The tick is the timer of hart 0 in its interrupt controller (CLINT).

use riscv::interrupt::Interrupt;

const MTIMECMP: *mut u32 = 0x0200_4000 as *mut u32;
const MTIME: *mut u32 = 0x0200_BFF8 as *mut u32;
/// A millisecond of the timer's 10 MHz.
const PERIOD: u64 = 10_000;

fn time() -> u64 {
    loop {
        // SAFETY: the timer's two halves, which reading does not change
        let (high, low, again) =
            unsafe { (MTIME.add(1).read_volatile(), MTIME.read_volatile(), MTIME.add(1).read_volatile()) };
        if high == again {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

fn interrupt_at(time: u64) {
    // SAFETY: the compare register, which only this file writes; by way of a time that never comes, so that no half is early
    unsafe {
        MTIMECMP.add(1).write_volatile(u32::MAX);
        MTIMECMP.write_volatile(time as u32);
        MTIMECMP.add(1).write_volatile((time >> 32) as u32);
    }
}

/// Interrupts every millisecond from now on.
pub fn start_tick() {
    interrupt_at(time() + PERIOD);
    // SAFETY: the handler stands below; nothing here relies on interrupts being masked
    unsafe {
        riscv::interrupt::enable_interrupt(Interrupt::MachineTimer);
        riscv::interrupt::enable();
    }
}

#[riscv_rt::core_interrupt(Interrupt::MachineTimer)]
fn timer() {
    interrupt_at(time() + PERIOD);
    crate::tick();
}
