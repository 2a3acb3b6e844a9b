//! A host in C's terms: a port whose clock and threads are the script's, and storage that is set up anew for each run.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::{null_mut, without_provenance_mut};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::c;

thread_local! {
    static ID: Cell<u32> = const { Cell::new(0) };
    static INTERRUPTED: Cell<u32> = const { Cell::new(0) };
    static LOCALS: [Cell<usize>; 16] = const { [const { Cell::new(0) }; 16] };
}
static NOW: AtomicU32 = AtomicU32::new(0);
static TOLD: Mutex<Told> = Mutex::new(Told { wakes: Vec::new(), retired: Vec::new(), orphaned: Vec::new() });

/// What the library told the host.
#[derive(Debug, Default)]
pub struct Told {
    /// Wake contexts.
    pub wakes: Vec<usize>,
    /// Contexts that are the host's again.
    pub retired: Vec<usize>,
    /// Records that nobody was left to own.
    pub orphaned: Vec<usize>,
}

/// From now on the calling thread of the system is this thread of the script; 0: an interrupt handler that cuts into the last one.
pub fn act_as(thread: u32) {
    ID.set(thread);
    if thread != 0 {
        INTERRUPTED.set(thread);
    }
}

/// Time passes.
pub fn advance(ms: u32) {
    // Relaxed: only a number
    NOW.fetch_add(ms, Ordering::Relaxed);
}

/// What the host was told since the last time.
pub fn told() -> Told {
    std::mem::take(&mut TOLD.lock().expect("nobody panics under it"))
}

fn tell(what: impl FnOnce(&mut Told)) {
    what(&mut TOLD.lock().expect("nobody panics under it"));
}

unsafe extern "C" fn thread_id(_: *mut c_void) -> u32 {
    ID.get()
}
unsafe extern "C" fn tick(_: *mut c_void) -> u32 {
    // Relaxed: only a number
    NOW.load(Ordering::Relaxed)
}
unsafe extern "C" fn local(_: *mut c_void) -> *mut c_void {
    without_provenance_mut(LOCALS.with(|locals| locals[INTERRUPTED.get() as usize].get()))
}
unsafe extern "C" fn set_local(_: *mut c_void, value: *mut c_void) {
    LOCALS.with(|locals| locals[INTERRUPTED.get() as usize].set(value.addr()));
}
unsafe extern "C" fn in_interrupt(_: *mut c_void) -> u32 {
    u32::from(ID.get() == 0)
}
unsafe extern "C" fn wake(_: *mut c_void, context: *mut c_void) {
    tell(|told| told.wakes.push(context.addr()));
}
unsafe extern "C" fn retire(_: *mut c_void, context: *mut c_void) {
    tell(|told| told.retired.push(context.addr()));
}
unsafe extern "C" fn orphaned(_: *mut c_void, host: *mut c_void) {
    tell(|told| told.orphaned.push(host.addr()));
}

struct Shared(c::Port);
// SAFETY: it holds functions, and no pointer to anything
unsafe impl Sync for Shared {}

static PORT: Shared = Shared(c::Port {
    size: size_of::<c::Port>(),
    thread_id: Some(thread_id),
    tick: Some(tick),
    local: Some(local),
    set_local: Some(set_local),
    in_interrupt: Some(in_interrupt),
    waiter: None,
    wait: None,
    wake: None,
    hooks: c::Hooks {
        user: null_mut(),
        wake: Some(wake),
        retire: Some(retire),
        cancel_requested: None,
        orphaned: Some(orphaned),
        event: None,
    },
});

/// The port.
pub fn port() -> *const c::Port {
    &raw const PORT.0
}

/// A runtime in storage of its own, exactly as large as it must be, so that a sanitizer sees a step outside.
#[derive(Debug)]
pub struct Host {
    /// The runtime, which is the default one.
    pub runtime: c::Runtime,
    storage: *mut u8,
    layout: Layout,
}

impl Host {
    /// Sets it up, at the time `now`.
    pub fn new(calls: usize, threads: usize, now: u32) -> Self {
        // Relaxed: only a number
        NOW.store(now, Ordering::Relaxed);
        LOCALS.with(|locals| locals.iter().for_each(|local| local.set(0)));
        drop(told());
        act_as(1);
        // SAFETY: any numbers
        let size = unsafe { c::cocancel_storage_size(calls, threads) };
        let layout = Layout::from_size_align(size, 64).expect("a size of memory");
        // SAFETY: not empty
        let storage = unsafe { alloc_zeroed(layout) };
        let mut runtime = null_mut();
        // SAFETY: as the header says
        let code =
            unsafe { c::cocancel_init(c::ABI_VERSION, storage.cast(), size, calls, threads, port(), &raw mut runtime) };
        assert_eq!(code, 0, "init");
        // SAFETY: it was just set up
        assert_eq!(unsafe { c::cocancel_set_default(runtime) }, 0);
        Self { runtime, storage, layout }
    }

    /// How many slots are in use.
    pub fn in_use(&self) -> usize {
        let mut count = 0;
        // SAFETY: no room is claimed for slots
        assert_eq!(unsafe { c::cocancel_snapshot(self.runtime, null_mut(), &raw mut count) }, 0);
        count
    }

    /// Nothing is left, and it goes.
    pub fn end(self) {
        assert_eq!(self.in_use(), 0, "slots are left");
        // SAFETY: nobody uses it any more
        unsafe {
            assert_eq!(c::cocancel_set_default(null_mut()), 0);
            assert_eq!(c::cocancel_deinit(self.runtime), 0, "deinit");
            assert_eq!(c::cocancel_deinit(self.runtime), 0x8000_FFFFu32 as i32, "deinit twice");
            dealloc(self.storage, self.layout);
        }
    }
}
