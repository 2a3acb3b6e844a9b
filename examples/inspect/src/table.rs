//! The table, and the ages in it.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use cocancel::{CallHandle, CallInfo, Event, EventKind, Phase};

/// When the calls began: the library keeps no time for that, an event hook that calls [`Ages::record`] does. For tables that one writes with
/// [`write_table`]; those of [`print()`](crate::print()) and of a debugger have their own, which [`event`](crate::event()) fills.
#[derive(Debug)]
#[repr(transparent)]
pub struct Ages([AtomicU64; Ages::ROOM]);

impl Ages {
    /// Calls in slots beyond this may hide each other's ages.
    pub const ROOM: usize = 4096;

    /// Knows no call.
    #[must_use]
    pub const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; Self::ROOM])
    }

    /// To be called with every event; `tick` is the port's, in milliseconds.
    pub fn record(&self, event: Event, tick: u32) {
        if event.kind == EventKind::Begun {
            let bits = event.call.to_bits();
            // Relaxed: one word says it all
            self.0[Self::place(bits)].store(Self::key(bits) | u64::from(tick), Relaxed);
        }
    }

    /// Milliseconds since it began, if that was recorded.
    #[must_use]
    pub fn of(&self, call: CallHandle, tick: u32) -> Option<u32> {
        Self::read(self.0[Self::place(call.to_bits())].load(Relaxed), call, tick)
    }

    /// The same from the words of a dump.
    pub(crate) fn dumped(words: &[u64], call: CallHandle, tick: u32) -> Option<u32> {
        Self::read(*words.get(Self::place(call.to_bits()))?, call, tick)
    }

    fn read(word: u64, call: CallHandle, tick: u32) -> Option<u32> {
        (word & !u64::from(u32::MAX) == Self::key(call.to_bits())).then(|| tick.wrapping_sub(word as u32))
    }

    /// Two bits of tag and 14 of generation stand below a handle's index.
    fn place(bits: usize) -> usize {
        (bits >> 16) % Self::ROOM
    }

    /// As many bits of the handle as there is room for; the tag keeps it from being 0.
    fn key(bits: usize) -> u64 {
        u64::from(bits as u32) << 32
    }
}

impl Default for Ages {
    fn default() -> Self {
        Self::new()
    }
}

/// Milliseconds, as seconds.
struct Seconds(Option<u32>, &'static str);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ms) => write!(f, "{:>9}.{:03} s", ms / 1000, ms % 1000),
            None => write!(f, "{:>15}", self.1),
        }
    }
}

/// What its phase means to whoever waits for it.
fn phase(call: &CallInfo) -> &'static str {
    match call.phase {
        Phase::Pending if call.requested => "canceling",
        Phase::Pending => "pending",
        Phase::Completed => "completed",
        Phase::Failed => "failed",
        // released, and its reply is still out
        Phase::Canceled if call.server => "orphan",
        Phase::Canceled => "canceled",
        Phase::Custom => "custom",
        Phase::Claimed => "claimed",
        Phase::Vacant => "-",
    }
}

/// Who keeps the slot: the client, the server's side (one pin for completing and serving together), a registration, and whoever
/// works on it or refers to it just now.
fn holders(out: &mut impl fmt::Write, call: &CallInfo) -> fmt::Result {
    let server = if call.serving { "server(serving)" } else { "server" };
    let named =
        [(call.client, "client"), (call.server || call.serving, server), (call.phase == Phase::Custom, "registration")];
    let mut others = call.pins;
    write!(out, "{}:", call.pins)?;
    for (_, name) in named.into_iter().filter(|(holds, _)| *holds) {
        write!(out, " {name}")?;
        others = others.saturating_sub(1);
    }
    if others > 0 {
        write!(out, " {others} other{}", if others == 1 { "" } else { "s" })?;
    }
    Ok(())
}

/// Writes a line for each call, with a heading. Allocates nothing: also from a signal handler, if `out` can.
///
/// # Errors
///
/// Those of `out`.
pub fn write_table(
    out: &mut impl fmt::Write,
    calls: impl Iterator<Item = CallInfo>,
    age: impl Fn(CallHandle) -> Option<u32>,
) -> fmt::Result {
    writeln!(
        out,
        "{:>10} {:>10} {:>15} {:>15} {:<9} {:<8} held by",
        "call", "thread", "age", "left", "phase", "cancel"
    )?;
    let mut count = 0;
    for call in calls {
        count += 1;
        let left = Seconds(call.remaining, "no deadline");
        let age = Seconds(age(call.call), "-");
        let cancel = if call.disabled { "disabled" } else { "enabled" };
        write!(out, "{:#10x} ", call.call.to_bits())?;
        match call.thread {
            Some(thread) => write!(out, "{thread:>10}")?,
            None => write!(out, "{:>10}", "-")?,
        }
        write!(out, " {age} {left} {:<9} {cancel:<8} ", phase(&call))?;
        holders(out, &call)?;
        writeln!(out)?;
    }
    writeln!(out, "{count} in use")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_stays_claimed_says_so() {
        let call = CallInfo {
            call: CallHandle::from_bits(0x10001).unwrap(),
            phase: Phase::Claimed,
            thread: None,
            pins: 0,
            requested: false,
            client: false,
            server: false,
            serving: false,
            disabled: false,
            remaining: None,
        };
        let mut text = String::new();
        write_table(&mut text, [call].into_iter(), |_| None).unwrap();
        let row = "   0x10001          -               -     no deadline claimed   enabled  0:";
        assert_eq!(text.lines().nth(1), Some(row));
    }
}
