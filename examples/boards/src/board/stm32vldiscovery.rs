//! STM32VLDISCOVERY: STM32F100RB, Cortex-M3 with 8 KiB of RAM. The tick is SysTick.

/// Interrupts every millisecond from now on.
pub fn start_tick() {
    // After reset the chip runs on its internal 8 MHz. The emulator's runs at 24 MHz, and its milliseconds are shorter.
    crate::processor::start_systick(8_000);
}
