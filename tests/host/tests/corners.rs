//! COM objects and default runtimes in states that scripts seldom meet.

use std::ptr::{null, null_mut, without_provenance_mut};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use cocancel::com::Guid;
use cocancel::com::guid::IID_IUNKNOWN;
use cocancel::com::object::Vtable;
use cocancel::port::posix::{Hooks, runtime, set_hooks, thread_id};
use cocancel::{CallOptions, Fixed, Hresult, Outcome, Timeout};
use cocancel_host_tests::custom::Custom;
use cocancel_host_tests::{Driver, ScriptedPort};
use cocancel_model::CustomObject;

fn methods(object: *mut ()) -> &'static Vtable {
    // SAFETY: a COM object begins with its vtable pointer, which lives as long as its runtime
    unsafe { &**object.cast::<*const Vtable>() }
}

#[test]
fn the_methods_of_an_object_refuse_what_is_no_pointer() {
    let rt = runtime();
    let call = rt.begin_async(CallOptions::new()).call;
    let object = rt.com_object_of(call, &IID_IUNKNOWN).unwrap();
    let Vtable { query_interface, add_ref, release, cancel, test_cancel } = *methods(object);
    let query = |this, iid: *const Guid, out: *mut *mut ()| {
        // SAFETY: refused, or right
        unsafe { query_interface(this, iid, out) }
    };
    let mut out = object;
    assert_eq!(query(null_mut(), &IID_IUNKNOWN, &raw mut out), Hresult::E_INVALIDARG);
    assert_eq!(query(object, null(), &raw mut out), Hresult::E_INVALIDARG);
    assert!(out.is_null());
    assert_eq!(query(object, null(), null_mut()), Hresult::E_INVALIDARG);
    assert_eq!(query(object, &IID_IUNKNOWN, null_mut()), Hresult::E_POINTER);
    let misaligned = (&raw mut out).cast::<u8>().wrapping_add(1);
    assert_eq!(query(object, &IID_IUNKNOWN, misaligned.cast()), Hresult::E_POINTER);
    let iid = IID_IUNKNOWN;
    let misaligned = (&raw const iid).cast::<u8>().wrapping_add(1);
    assert_eq!(query(object, misaligned.cast(), &raw mut out), Hresult::E_INVALIDARG);
    // SAFETY: refused
    unsafe {
        assert_eq!((add_ref(null_mut()), release(null_mut())), (0, 0));
        assert_eq!(cancel(null_mut(), 0), Hresult::E_INVALIDARG);
        assert_eq!(test_cancel(null_mut()), Hresult::E_INVALIDARG);
    }
    // SAFETY: a reference is held
    unsafe {
        assert_eq!((add_ref(object), add_ref(object)), (2, 3));
        assert_eq!((release(object), release(object)), (2, 1));
        assert_eq!(test_cancel(object), Hresult::RPC_S_CALLPENDING);
        assert_eq!(release(object), 0);
    }
    assert_eq!(rt.finish(call), Ok(Outcome::Canceled));
    assert!(rt.complete(call).is_ok());
}

#[test]
fn a_context_without_a_pin_to_be_had_gives_no_reference() {
    let rt = runtime();
    thread::spawn(move || {
        let call = rt.serve(CallOptions::new()).call;
        rt.enter(call).unwrap();
        // SAFETY: none is installed
        let context = unsafe { rt.co_switch_call_context(null_mut()) }.unwrap();
        let pins: Vec<_> = std::iter::from_fn(|| rt.object_of(call).ok()).collect();
        // what is in reserve goes to references of this kind
        let mut references = 0;
        let Vtable { query_interface, add_ref, release, .. } = *methods(context);
        // SAFETY: the call is being served, so that its context lives
        while unsafe { add_ref(context) } != 0 && references < 3 {
            references += 1;
        }
        assert_eq!(references, 3, "all references share one pin");
        for _ in 0..=references {
            // SAFETY: taken above
            unsafe { release(context) };
        }
        let mut out = null_mut();
        // SAFETY: as above, with a GUID and a place for the interface
        assert_eq!(unsafe { query_interface(context, &IID_IUNKNOWN, &raw mut out) }, Hresult::S_OK);
        assert_eq!(out, context);
        // SAFETY: taken just now
        assert_eq!(unsafe { release(out) }, 0);
        drop(pins);
        assert!(rt.complete(call).is_ok() && rt.leave(call).is_ok());
    })
    .join()
    .unwrap();
}

/// Says that it succeeded, and gives nothing.
#[repr(C)]
struct Empty(&'static Vtable);

static EMPTY: Vtable = {
    unsafe extern "system" fn query_interface(_: *mut (), _: *const Guid, out: *mut *mut ()) -> Hresult {
        // SAFETY: called with a place for the interface
        unsafe { *out = null_mut() };
        Hresult::S_OK
    }
    unsafe extern "system" fn references(_: *mut ()) -> u32 {
        1
    }
    unsafe extern "system" fn cancel(_: *mut (), _: u32) -> Hresult {
        Hresult::E_FAIL
    }
    unsafe extern "system" fn test_cancel(_: *mut ()) -> Hresult {
        Hresult::E_FAIL
    }
    Vtable { query_interface, add_ref: references, release: references, cancel, test_cancel }
};

#[test]
fn an_object_that_succeeds_and_gives_nothing_has_no_such_interface() {
    static OBJECT: Empty = Empty(&EMPTY);
    let object = (&raw const OBJECT).cast_mut().cast();
    // SAFETY: it lives for ever
    assert_eq!(unsafe { runtime().co_set_cancel_object(object) }, Err(Hresult::E_NOINTERFACE));
}

#[test]
fn a_custom_object_is_no_standard_one() {
    let custom = CustomObject { has_cancel: true, cancel: 0, test: 0 };
    let driver = Driver::new(ScriptedPort::default(), Fixed::<3, 2>::new(), &[custom]);
    let rt = driver.runtime;
    let custom: &'static Custom = driver.customs[0];
    rt.port().act_as(1);
    // SAFETY: it lives longer than the runtime
    unsafe { rt.co_set_cancel_object(custom.object()) }.unwrap();
    rt.port().act_as(2);
    assert_eq!(rt.cancel_object(1).map(|_| ()), Err(Hresult::E_NOINTERFACE));
}

#[test]
fn a_client_with_a_wake_context_may_block_all_the_same() {
    let rt = runtime();
    // SAFETY: no hooks look at it
    let options = unsafe { CallOptions::new().context(without_provenance_mut(8)) };
    let call = rt.call(options.timeout(Timeout::millis(1)));
    if call.cancellable().is_ok() {
        assert_eq!(call.wait(), Ok(Outcome::Canceled));
    }
}

#[test]
fn a_thread_attaches_again_after_its_exit() {
    thread::spawn(|| {
        let rt = runtime();
        for _ in 0..2 {
            rt.enable().unwrap();
            rt.thread_exit();
            assert_eq!(rt.disable(), Err(Hresult::CO_E_CANCEL_DISABLED));
        }
    })
    .join()
    .unwrap();
}

#[test]
fn the_hooks_of_the_process_are_told_until_they_are_taken_away() {
    const RECORD: usize = 0x5150;
    static ORPHANED: AtomicUsize = AtomicUsize::new(0);
    static TOLD: Hooks = Hooks {
        orphaned: |host| {
            ORPHANED.fetch_add(usize::from(host.addr() == RECORD), SeqCst);
        },
        ..Hooks::NONE
    };
    // both the client's and the server's thread end without finishing
    let orphan = || {
        let begin = || runtime().begin(CallOptions::new().host(without_provenance_mut(RECORD)).always_slot()).call;
        thread::spawn(move || {
            let call = begin();
            assert!(runtime().complete(call).is_ok());
        })
        .join()
        .unwrap();
        ORPHANED.swap(0, SeqCst)
    };
    assert_eq!(orphan(), 0);
    set_hooks(Some(&TOLD));
    assert_eq!(orphan(), 1);
    set_hooks(None);
    assert_eq!(orphan(), 0);
    assert_ne!(thread_id(), 0);
}
