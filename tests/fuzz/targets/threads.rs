//! C functions from several threads at once, on the same few calls, with stale and forged handles among them. Each record ends on exactly one
//! side, each wake context is retired once, and nothing is left.
#![no_main]

use std::ptr::{null_mut, with_exposed_provenance_mut, without_provenance_mut};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use cocancel_fuzz::host::{self, Host};
use cocancel_fuzz::{Step, c, steps};
use libfuzzer_sys::fuzz_target;

const THREADS: usize = 3;
/// Places where threads leave handles for each other.
const PLACES: usize = 4;
const CANCELED: i32 = 0x8001_0002_u32 as i32;

#[derive(Default)]
struct Shared {
    runtime: usize,
    places: [AtomicUsize; PLACES],
    /// Names of records; how many were begun with a slot, and how many ended on one side or the other.
    names: AtomicUsize,
    begun: AtomicU32,
    ended: AtomicU32,
    contexts: AtomicU32,
}

/// One thread: it begins and finishes its own calls, and does everything else to anybody's.
fn act(shared: &Shared, thread: u32, mine: &[Step], start: &Barrier) {
    host::act_as(thread);
    let rt: c::Runtime = with_exposed_provenance_mut(shared.runtime);
    let ended = |is: bool| {
        shared.ended.fetch_add(u32::from(is), Ordering::SeqCst);
    };
    let mut own: Option<usize> = None;
    start.wait();
    for step in mine {
        // SeqCst here and below: only counts and names
        let place = &shared.places[step.which % PLACES];
        let call = place.load(Ordering::SeqCst);
        let mut orphan = null_mut();
        let mut object = null_mut();
        let timeout = u32::from(step.number % 3);
        // SAFETY: any handle; pointers that are good ones
        unsafe {
            match step.what % 12 {
                0 | 1 if own.is_none() => {
                    let name = shared.names.fetch_add(1, Ordering::SeqCst) + 1;
                    let record = without_provenance_mut(name);
                    let options =
                        c::Options { host: record, context: record, timeout_ms: timeout, flags: c::ALWAYS_SLOT };
                    let mut handle = 0;
                    if c::cocancel_begin(rt, &raw const options, &raw mut handle) == 0 {
                        shared.begun.fetch_add(1, Ordering::SeqCst);
                        shared.contexts.fetch_add(1, Ordering::SeqCst);
                    }
                    own = Some(handle);
                    // one whose server nobody becomes stays with its server's side; so who replaces it completes it
                    let before = place.swap(handle, Ordering::SeqCst);
                    ended(c::cocancel_complete(rt, before, &raw mut orphan) == CANCELED);
                }
                2 | 3 => {
                    if let Some(handle) = own.take() {
                        let code = c::cocancel_finish(rt, handle);
                        ended(handle & 3 == 1 && code != CANCELED);
                    }
                }
                4 => ended(c::cocancel_complete(rt, call, &raw mut orphan) == CANCELED),
                5 => {
                    let mut frame = 0;
                    let code = c::cocancel_enter(rt, call, &raw mut frame, &raw mut orphan);
                    ended(code == CANCELED);
                    if code == 0 {
                        c::cocancel_test(rt);
                        ended(call & 3 == 1 && c::cocancel_complete(rt, call, &raw mut orphan) == CANCELED);
                        assert_eq!(c::cocancel_leave(rt, frame), 0);
                    }
                }
                6 => {
                    c::cocancel_cancel_call(rt, call, timeout, 0);
                }
                7 => {
                    c::CoCancelCall(u32::from(step.number) % 4, timeout);
                }
                8 => {
                    c::cocancel_tick(rt, 1 + u32::from(step.number) % 8);
                }
                9 => host::advance(1),
                10 => {
                    let who = 1 + u32::from(step.number) % 3;
                    if c::CoGetCancelObject(who, &c::IID_ICANCEL_METHOD_CALLS, &raw mut object) == 0 {
                        let methods = &**object.cast::<*const cocancel::com::object::Vtable>();
                        let _ = (methods.cancel)(object.cast(), timeout);
                        let _ = (methods.release)(object.cast());
                    }
                }
                // what nobody was given: a generation that is far off
                _ => {
                    c::cocancel_cancel_call(rt, call ^ (1 << 15), 0, 0);
                }
            }
        }
    }
    if let Some(handle) = own {
        // SAFETY: any handle
        let code = unsafe { c::cocancel_finish(rt, handle) };
        ended(handle & 3 == 1 && code != CANCELED);
    }
    // SAFETY: a good runtime
    unsafe { c::cocancel_thread_exit(rt) };
}

fuzz_target!(|bytes: &[u8]| {
    let host = Host::new(2, THREADS + 1, u32::MAX - 5);
    let runtime = host.runtime.expose_provenance();
    let shared = Shared { runtime, ..Shared::default() };
    let mut scripts = [const { Vec::new() }; THREADS];
    for step in steps(bytes, THREADS as u32 - 1, 120) {
        scripts[step.thread as usize].push(step);
    }
    let start = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        let (shared, start) = (&shared, &start);
        let mut threads = Vec::new();
        for (id, script) in (1..).zip(&scripts) {
            threads.push(scope.spawn(move || act(shared, id, script, start)));
        }
        // joined, and not only done: what the system keeps of a thread is no leak
        threads.into_iter().for_each(|thread| thread.join().expect("it did not panic"));
    });
    for place in &shared.places {
        let mut orphan = null_mut();
        // SAFETY: any handle
        let code = unsafe { c::cocancel_complete(host.runtime, place.load(Ordering::SeqCst), &raw mut orphan) };
        shared.ended.fetch_add(u32::from(code == CANCELED), Ordering::SeqCst);
    }
    assert_eq!(
        shared.begun.load(Ordering::SeqCst),
        shared.ended.load(Ordering::SeqCst),
        "each record ends on one side"
    );
    let told = host::told();
    let mut retired = told.retired.clone();
    retired.sort_unstable();
    retired.dedup();
    assert_eq!(retired.len(), told.retired.len(), "retired twice");
    assert_eq!(retired.len(), shared.contexts.load(Ordering::SeqCst) as usize, "each wake context is retired");
    assert!(told.orphaned.is_empty());
    host.end();
});
