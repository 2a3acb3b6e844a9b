//! defmt: how the public types are logged, and a port's event hook that logs each step of a call's life.

use defmt::{Debug2Format, Format, Formatter};

use crate::event::{Event, EventKind};
use crate::handle::CallHandle;
use crate::hresult::Hresult;
use crate::port::{Port, Side, WaitPoint};
use crate::runtime::Runtime;
use crate::runtime::cancel::{CancelObject, Waiting};
use crate::runtime::client::{Begun, CallOptions, Outcome, Poll};
use crate::runtime::inspect::CallInfo;
use crate::runtime::server::{Refusal, Reply};
use crate::state::Phase;
use crate::storage::{Borrowed, Fixed, Storage};
use crate::time::Timeout;

/// A port that logs the steps of each call's life, and else is the one in it.
///
/// The level is `debug`, or `warn` for what ends a call without its reply.
#[derive(Debug)]
pub struct Logged<P>(pub P);

/// Logs a step: for the [`Port::event`] of a port that is not wrapped in [`Logged`].
pub fn log(event: Event) {
    match event.kind {
        EventKind::Requested | EventKind::Failed | EventKind::Canceled | EventKind::Orphaned => {
            defmt::warn!("{}", event)
        }
        _ => defmt::debug!("{}", event),
    }
}

/// Logs all calls that are out, whatever level is compiled in: a frame for each, between one with the port's tick and one with their number.
///
/// For a board that is stuck, from a watchdog's handler or on a button: `cocancel-inspect --log` (examples/inspect) makes a table of what
/// probe-rs or defmt-print decoded. It knows the ages of calls whose beginning stands in the same log ([`Logged`], level `debug`).
/// Wait-free, but for defmt's logger.
pub fn log_calls<P: Port, S: Storage>(runtime: &Runtime<P, S>) {
    defmt::println!("cocancel: {=usize} threads, tick {=u32}", runtime.threads(), runtime.port().tick());
    let mut count = 0u32;
    for call in runtime.calls() {
        defmt::println!("{}", call);
        count += 1;
    }
    defmt::println!("{=u32} in use", count);
}

// SAFETY: the port's own. defmt's loggers neither unwind nor call back; that they may be called in interrupt handlers is their contract
unsafe impl<P: Port> Port for Logged<P> {
    fn thread_id(&self) -> u32 {
        self.0.thread_id()
    }

    fn tick(&self) -> u32 {
        self.0.tick()
    }

    #[inline]
    fn local(&self) -> Option<u32> {
        self.0.local()
    }

    fn set_local(&self, value: u32) {
        self.0.set_local(value);
    }

    fn in_interrupt(&self) -> bool {
        self.0.in_interrupt()
    }

    fn waiter(&self) -> Option<*mut ()> {
        self.0.waiter()
    }

    fn wait(&self, point: WaitPoint, ms: Option<u32>) {
        self.0.wait(point, ms);
    }

    fn wake(&self, point: WaitPoint) {
        self.0.wake(point);
    }

    fn retire(&self, context: *mut ()) {
        self.0.retire(context);
    }

    fn cancel_requested(&self, call: CallHandle, context: *mut (), remaining: Option<u32>) {
        self.0.cancel_requested(call, context, remaining);
    }

    fn orphaned(&self, host: *mut ()) {
        self.0.orphaned(host);
    }

    fn event(&self, event: Event) {
        log(event);
        self.0.event(event);
    }
}

impl Format for Event {
    fn format(&self, f: Formatter<'_>) {
        defmt::write!(f, "{}: {}", self.call, self.kind);
    }
}

impl Format for CallHandle {
    fn format(&self, f: Formatter<'_>) {
        defmt::write!(f, "call {=usize:#x}", self.to_bits());
    }
}

impl Format for Hresult {
    fn format(&self, f: Formatter<'_>) {
        match self.name() {
            Some(name) => defmt::write!(f, "{=str}", name),
            None => defmt::write!(f, "{=u32:#010X}", self.0 as u32),
        }
    }
}

impl Format for Outcome {
    fn format(&self, f: Formatter<'_>) {
        match self {
            Self::Completed => defmt::write!(f, "Completed"),
            Self::Failed(code) => defmt::write!(f, "Failed({})", code),
            Self::Canceled => defmt::write!(f, "Canceled"),
        }
    }
}

impl Format for Poll {
    fn format(&self, f: Formatter<'_>) {
        match self {
            Self::Pending(ms) => defmt::write!(f, "Pending({})", ms),
            Self::Ended(outcome) => defmt::write!(f, "Ended({})", outcome),
        }
    }
}

impl Format for Reply {
    fn format(&self, f: Formatter<'_>) {
        match self {
            Self::Delivered => defmt::write!(f, "Delivered"),
            Self::Orphaned(host) => defmt::write!(f, "Orphaned({=usize:#x})", host.addr()),
        }
    }
}

impl Format for Refusal {
    fn format(&self, f: Formatter<'_>) {
        match self {
            Self::Canceled(host) => defmt::write!(f, "Canceled({=usize:#x})", host.addr()),
            Self::BadInput(code) => defmt::write!(f, "BadInput({})", code),
        }
    }
}

impl Format for Begun {
    fn format(&self, f: Formatter<'_>) {
        defmt::write!(f, "{}, cancellable: {}", self.call, self.cancellable);
    }
}

impl Format for CallInfo {
    fn format(&self, f: Formatter<'_>) {
        defmt::write!(f, "{}: {}, thread {}, {} pins", self.call, self.phase, self.thread, self.pins);
        defmt::write!(f, ", requested: {}, client: {}", self.requested, self.client);
        defmt::write!(f, ", server: {}, serving: {}", self.server, self.serving);
        defmt::write!(f, ", disabled: {}, remaining: {}", self.disabled, self.remaining);
    }
}

impl Format for WaitPoint {
    fn format(&self, f: Formatter<'_>) {
        let [word, context] = [self.word.addr(), self.context.addr()];
        defmt::write!(f, "{} at {=usize:#x}, was {=u32:#x}, context {=usize:#x}", self.side, word, self.value, context);
    }
}

impl<P: Port, S: Storage> Format for Runtime<P, S> {
    fn format(&self, f: Formatter<'_>) {
        defmt::write!(f, "{} threads", self.threads());
        for call in self.calls() {
            defmt::write!(f, "; {}", call);
        }
    }
}

impl<P: Port, S: Storage> Format for CancelObject<'_, P, S> {
    fn format(&self, f: Formatter<'_>) {
        defmt::write!(f, "cancel object: {}", self.test());
    }
}

macro_rules! names {
    ($($type:ident: $($variant:ident $name:literal)*;)*) => {$(
        impl Format for $type {
            fn format(&self, f: Formatter<'_>) {
                match self {
                    $(Self::$variant => defmt::write!(f, "{=istr}", defmt::intern!($name)),)*
                }
            }
        }
    )*};
}

names! {
    EventKind: Begun "Begun" Entered "Entered" Left "Left" Requested "Requested" Completed "Completed" Failed "Failed" Canceled "Canceled" Orphaned "Orphaned" Finished "Finished";
    Side: Client "Client" Canceller "Canceller";
    Waiting: Allowed "Allowed" Never "Never";
}

/// What is seldom logged goes through `Debug`.
macro_rules! as_debug {
    ($($({$($parameters:tt)*})? $type:ty;)*) => {$(
        impl $(<$($parameters)*>)? Format for $type {
            fn format(&self, f: Formatter<'_>) {
                Debug2Format(self).format(f);
            }
        }
    )*};
}

as_debug! {
    Phase;
    Timeout;
    CallOptions;
    crate::call::CallSlot;
    crate::thread::ThreadSlot;
    crate::index::IndexCell;
    crate::global::Life;
    {T: core::fmt::Debug} crate::global::Global<T>;
    {const C: usize, const T: usize, const N: usize} Fixed<C, T, N>;
    Borrowed<'_>;
    crate::storage::Unindexed<'_>;
    {P: core::fmt::Debug} Logged<P>;
    {P: Port + core::fmt::Debug, S: Storage + core::fmt::Debug} crate::guard::Call<'_, P, S>;
    {P: Port + core::fmt::Debug, S: Storage + core::fmt::Debug} crate::guard::Enabled<'_, P, S>;
    {P: Port + core::fmt::Debug, S: Storage + core::fmt::Debug} crate::guard::Serving<'_, P, S>;
}

#[cfg(feature = "com")]
as_debug! {
    crate::com::guid::Guid;
    crate::com::object::Vtable;
}

#[cfg(feature = "bare-metal")]
as_debug! {
    {M: core::fmt::Debug, const CORES: usize} crate::port::bare::BareMetal<M, CORES>;
}

#[cfg(feature = "posix")]
as_debug! {
    crate::port::posix::Posix;
    crate::port::posix::Capacity;
    crate::port::posix::Hooks;
}

#[cfg(all(feature = "windows", windows, not(test)))]
as_debug! {
    crate::port::windows::Windows;
}

// the same types as the port's for POSIX
#[cfg(all(feature = "windows", windows, not(any(test, feature = "posix"))))]
as_debug! {
    crate::port::windows::Capacity;
    crate::port::windows::Hooks;
}
