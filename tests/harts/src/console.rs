//! One console for two harts. A line is written as a whole.

use core::fmt::{self, Write};

use semihosting::io::Write as _;

/// What is waiting to be written: the way out to the emulator is long.
pub struct Console {
    text: [u8; 8192],
    used: usize,
}

impl Console {
    const fn new() -> Self {
        Self { text: [0; 8192], used: 0 }
    }

    /// Writes what is waiting.
    pub fn flush(&mut self) {
        let text = &self.text[..self.used];
        self.used = 0;
        if semihosting::io::stdout().and_then(|mut out| out.write_all(text)).is_err() {
            semihosting::process::exit(102)
        }
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.used + text.len() > self.text.len() {
            self.flush();
        }
        self.text.get_mut(self.used..self.used + text.len()).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.used += text.len();
        Ok(())
    }
}

/// Not for interrupt handlers: it would wait for whom it interrupted.
pub static CONSOLE: spin::Mutex<Console> = spin::Mutex::new(Console::new());
