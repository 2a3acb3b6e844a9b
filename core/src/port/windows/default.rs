//! The default runtime: works without any set-up.
//!
//! Its tables stand in static memory that costs nothing until it is touched. Another capacity is allocated from the system.

use core::ptr::{NonNull, null_mut};

use super::Windows;
use super::system::{self, quietly};
use crate::global::Global;
use crate::hresult::Hresult;
use crate::port::process::{self, Layout, ProcessRuntime, Tables};
pub use crate::port::process::{Capacity, Hooks};
use crate::runtime::Runtime;
use crate::storage::Fixed;

/// The runtime of a Windows process.
pub type WindowsRuntime = ProcessRuntime<Windows>;

static TABLES: Tables = Fixed::new();
static DEFAULT: WindowsRuntime = Runtime::new(Windows(()), TABLES.borrow());

/// The runtime in use; none before the first use.
static CHOSEN: Global<WindowsRuntime> = Global::new();

/// The default runtime of this process.
#[inline]
pub fn runtime() -> &'static WindowsRuntime {
    CHOSEN.get().unwrap_or_else(first_use)
}

#[cold]
fn first_use() -> &'static WindowsRuntime {
    process::choose(&CHOSEN, &DEFAULT).unwrap_or_else(|first| first)
}

/// Sets the capacity of the default runtime, once, before its first use.
///
/// Progress: wait-free but for the system's part (set the capacity).
///
/// # Errors
///
/// `E_UNEXPECTED`: it is in use already. `E_INVALIDARG`: a capacity of 0, or one that handles cannot name. `E_OUTOFMEMORY`: the
/// system has not that much.
pub fn set_capacity(capacity: Capacity) -> Result<(), Hresult> {
    let layout = Layout::of::<Windows>(capacity).ok_or(Hresult::E_INVALIDARG)?;
    if CHOSEN.get().is_some() {
        return Err(Hresult::E_UNEXPECTED);
    }
    let allocated = allocate(layout).ok_or(Hresult::E_OUTOFMEMORY)?;
    process::choose(&CHOSEN, allocated).map(|_| ()).map_err(|_| {
        // SAFETY: from `allocate`, and nobody else has seen it
        quietly(|| unsafe { system::VirtualFree((&raw const *allocated).cast_mut().cast(), 0, system::MEM_RELEASE) });
        Hresult::E_UNEXPECTED
    })
}

/// A runtime with its tables in memory of its own.
fn allocate(layout: Layout) -> Option<&'static WindowsRuntime> {
    let kind = system::MEM_RESERVE | system::MEM_COMMIT;
    // SAFETY: new memory, wherever the system likes
    let base = quietly(|| unsafe { system::VirtualAlloc(null_mut(), layout.size, kind, system::PAGE_READWRITE) });
    // SAFETY: page-aligned, zeroed, that large and nobody else's; freed only if nobody has seen the runtime
    unsafe { layout.make(NonNull::new(base.cast())?, Windows(())) }
}

impl Hooks {
    /// What is done without hooks, a start for those that do more: a wake context is the `HANDLE` of an event, which is set.
    pub const NONE: Hooks = Hooks::waking(super::set_event);
}

static HOOKS: Global<Hooks> = Global::new();

/// Sets the hooks of the default runtime; `None` takes them away. To be set before the calls that they are for begin.
///
/// Progress: wait-free (set hooks).
pub fn set_hooks(hooks: Option<&'static Hooks>) {
    HOOKS.set(hooks);
}

#[inline]
pub(super) fn hooks() -> Option<&'static Hooks> {
    HOOKS.get()
}
