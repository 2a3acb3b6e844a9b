//! RISC-V in machine mode, on one hart.

use cocancel::port::bare::Machine;

pub use riscv_rt::entry;

/// The processor, for the port.
#[derive(Debug)]
pub struct Processor;

// SAFETY: one core. The question is asked with interrupts masked, and an interrupt that comes then ends the WFI all the same.
// Handlers keep `in_handler` around them, see `program!`.
unsafe impl Machine for Processor {
    fn sleep(&self, awake: impl Fn() -> bool) {
        riscv::interrupt::free(|| {
            if !awake() {
                riscv::asm::wfi();
            }
        });
    }

    fn wake(&self) {}

    fn in_interrupt(&self) -> bool {
        // no register tells: mcause keeps its value when the handler has returned
        false
    }
}
