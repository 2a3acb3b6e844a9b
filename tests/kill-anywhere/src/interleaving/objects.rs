//! COM objects: the library's, which are kept beyond their calls, and the host's, as cancel objects and as call contexts.

use cocancel::com::guid::IID_ICANCEL_METHOD_CALLS;
use cocancel::com::object::Vtable;

use super::cancelling::{anybody, is_known};
use super::intruders::call_back_in;
use super::schedule::step;
use super::world::{known, one_in, pick, random, runtime, say, world, wrong};
use crate::foreign;

/// How many references are kept at once: each may keep a slot.
const KEPT: usize = 4;

/// The methods of a COM object.
pub fn methods(object: *mut ()) -> &'static Vtable {
    // SAFETY: an object begins with a pointer to its methods, and the caller has a reference
    unsafe { *object.cast::<&Vtable>() }
}

/// An object of the host's, each of whose methods is a step, and whose last `Release` calls back in.
fn new_object() -> *mut () {
    let when_called = |object: &foreign::Custom| {
        step();
        if object.is_gone() {
            wrong(format_args!("an object that is gone is called"));
        }
        if world(|w| w.me().handlers > 0) {
            wrong(format_args!("an object of the host's is called in an interrupt handler"));
        }
    };
    foreign::custom_called(when_called, call_back_in)
}

/// Registers an object of the host's as the thread's cancel object; whether there was room.
pub fn register() -> bool {
    let object = new_object();
    world(|w| w.objects.push(object));
    let methods = methods(object);
    // SAFETY: it lives as long as there are references, the first of which is this thread's
    unsafe {
        (methods.add_ref)(object);
        let registered = runtime().co_set_cancel_object(object);
        (methods.release)(object);
        registered.is_ok()
    }
}

/// Gets a cancel object, a thread's or a call's, and keeps it, perhaps with two references.
pub fn keep() {
    if world(|w| w.kept.len() >= KEPT) {
        return;
    }
    let object = if one_in(2) {
        runtime().co_get_cancel_object(anybody(), &IID_ICANCEL_METHOD_CALLS)
    } else {
        let Some(index) = pick(|call| call.has_slot) else { return };
        runtime().com_object_of(known(index).call, &IID_ICANCEL_METHOD_CALLS)
    };
    let Ok(object) = object else { return };
    // before anybody may release the first
    if one_in(3) {
        keep_once_more(object);
    }
    world(|w| w.kept.push(object));
}

fn keep_once_more(object: *mut ()) {
    // SAFETY: the caller's reference, or that of what is installed, keeps it
    if unsafe { (methods(object).add_ref)(object) } == 0 {
        wrong(format_args!("an object takes no reference"));
    }
    world(|w| w.kept.push(object));
}

/// Releases one of those that are kept, perhaps after a last use; in handlers none of the host's.
pub fn let_go() {
    let kept = world(|w| w.kept.len());
    if kept == 0 {
        return;
    }
    let at = random(kept as u32) as usize;
    let object = world(|w| w.kept[at]);
    if world(|w| w.me().handlers > 0 && [&w.objects, &w.call_contexts].into_iter().any(|hosts| hosts.contains(&object)))
    {
        return;
    }
    world(|w| w.kept.swap_remove(at));
    say(format_args!("lets go of an object"));
    let methods = methods(object);
    // SAFETY: the reference is this one, and goes here
    unsafe {
        if one_in(2) {
            is_known((methods.cancel)(object, 0));
        }
        _ = (methods.test_cancel)(object);
        (methods.release)(object);
    }
}

/// Another call context; perhaps the one before comes back at once, of which a reference may have been kept meanwhile.
pub fn switch_context() {
    let object = new_object();
    // one reference stays: it is installed until its call is left, or the thread exits
    foreign::parts(object).references.set(1);
    world(|w| w.call_contexts.push(object));
    // SAFETY: it lives for ever
    let Ok(before) = (unsafe { runtime().co_switch_call_context(object) }) else { return };
    if !before.is_null() && one_in(3) {
        keep_once_more(before);
    }
    if one_in(2) {
        // SAFETY: it was installed before, and its call is still served
        let installed = unsafe { runtime().co_switch_call_context(before) };
        if installed != Ok(object) {
            wrong(format_args!("in place of the call context that was switched in, {installed:?} comes back"));
        }
    }
}
