//! The calls of this very process, in its default runtime.

use std::fmt::{self, Write};

use cocancel::port::posix::{Hooks, runtime, set_hooks};
use cocancel::{Event, Port};

use crate::table::{Ages, write_table};

/// A debugger finds it by this name (cocancel.py).
// SAFETY: no other symbol has this name
#[unsafe(no_mangle)]
static COCANCEL_INSPECT_BEGUN: Ages = Ages::new();

static HOOKS: Hooks = Hooks { event, ..Hooks::NONE };

/// Records when a call of the default runtime begins: the ages that [`print()`], [`on_signal`] and the script for gdb show. To be called
/// with every event by the event hook of a process that has hooks of its own; for others, [`hooks`] sets one that does.
///
/// ```
/// use cocancel::port::posix::{Hooks, set_hooks};
///
/// static OWN: Hooks = Hooks {
///     event: |event| {
///         cocancel_inspect::event(event);
///         // and what else is to be done with it
///     },
///     ..Hooks::NONE
/// };
/// set_hooks(Some(&OWN));
/// ```
///
/// Callers: as the hook's. Allocates nothing, takes no lock, never blocks.
pub fn event(event: Event) {
    COCANCEL_INSPECT_BEGUN.record(event, runtime().port().tick());
}

/// Has the ages of calls that begin from now on recorded. A process with hooks of its own calls [`event`] in them instead.
pub fn hooks() {
    set_hooks(Some(&HOOKS));
}

/// Prints the table to the standard error. Allocates nothing and takes no lock: also from a signal handler.
pub fn print() {
    let now = runtime().port().tick();
    let mut out = Stderr { line: [0; 256], length: 0 };
    // what cannot be written cannot be reported either
    let _ = writeln!(out, "cocancel: {} threads, tick {now}", runtime().threads());
    let _ = write_table(&mut out, runtime().calls(), |call| COCANCEL_INSPECT_BEGUN.of(call, now));
}

/// Prints the table whenever this process gets `signal`, from its handler: also when every thread is stuck.
///
/// # Errors
///
/// The system's, for a signal that cannot be caught.
pub fn on_signal(signal: i32) -> std::io::Result<()> {
    extern "C" fn handler(_: i32) {
        // SAFETY: the calling thread's own
        let errno = unsafe { *libc::__errno_location() };
        print();
        // SAFETY: as above; who was interrupted finds it as it was
        unsafe { *libc::__errno_location() = errno };
    }
    // SAFETY: all zero is a valid value: no flags, nothing masked
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler calls only what is allowed in one
    match unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// The standard error, a line at a time and without a lock.
struct Stderr {
    line: [u8; 256],
    length: usize,
}

impl Write for Stderr {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.length < self.line.len() {
                self.line[self.length] = byte;
                self.length += 1;
            }
            if byte == b'\n' {
                // SAFETY: the line is that long
                unsafe { libc::write(libc::STDERR_FILENO, self.line.as_ptr().cast(), self.length) };
                self.length = 0;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use cocancel::{CallHandle, CallOptions};

    use super::*;

    #[test]
    fn a_hook_of_ones_own_that_passes_events_on_has_ages() {
        static OWN: Hooks = Hooks { event: |passed| event(passed), ..Hooks::NONE };
        let begin = || runtime().begin_async(CallOptions::new()).call;
        let age = |call: CallHandle| COCANCEL_INSPECT_BEGUN.of(call, runtime().port().tick());
        set_hooks(Some(&Hooks::NONE));
        assert_eq!(age(begin()), None);
        set_hooks(Some(&OWN));
        assert!(age(begin()).is_some_and(|milliseconds| milliseconds < 60_000));
    }
}
