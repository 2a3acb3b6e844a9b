//! What a task needs to await an event that an interrupt handler signals.
#![no_std]

use core::ffi::c_void;
use core::pin::pin;
use core::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;

static SIGNAL: Signal<CriticalSectionRawMutex, u32> = Signal::new();

unsafe extern "C" {
    fn host_wake(task: *const c_void);
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(
    |task| RawWaker::new(task, &VTABLE),
    // SAFETY: the host's
    |task| unsafe { host_wake(task.cast()) },
    // SAFETY: the host's
    |task| unsafe { host_wake(task.cast()) },
    |_| {},
);

/// Tells the task.
#[unsafe(no_mangle)]
pub extern "C" fn signal_signal(value: u32) {
    SIGNAL.signal(value);
}

/// The task looks, and is woken if there was nothing. 0: nothing.
///
/// # Safety
///
/// The host understands the task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn signal_poll(task: *const c_void) -> u32 {
    // SAFETY: these functions keep the contract: they do nothing with the task but hand it on
    let waker = unsafe { Waker::new(task.cast(), &VTABLE) };
    use core::future::Future as _;
    match pin!(SIGNAL.wait()).poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(value) => value,
        Poll::Pending => 0,
    }
}

/// Forgets.
#[unsafe(no_mangle)]
pub extern "C" fn signal_reset() {
    SIGNAL.reset();
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
