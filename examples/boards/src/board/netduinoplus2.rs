//! Netduino Plus 2: STM32F405RG, Cortex-M4 with floating point. The tick is SysTick.

/// Interrupts every millisecond from now on.
pub fn start_tick() {
    // After reset the chip runs on its internal 16 MHz. The emulator's runs at 168 MHz, and its milliseconds are shorter.
    crate::processor::start_systick(16_000);
}
