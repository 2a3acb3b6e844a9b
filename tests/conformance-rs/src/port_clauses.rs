//! The functions of a port, each by itself.

use cocancel::port::Port;
use cocancel::{Side, WaitPoint};

use crate::Host;
use crate::notes::{NOTED, SLEPT_ON, context, set_context};

fn port<H: Host>() -> &'static H::Port {
    H::runtime().port()
}

async fn id_of_helper<H: Host>(number: usize) -> u32 {
    H::helper(number, || NOTED[0].set(port::<H>().thread_id())).await;
    NOTED[0].get()
}

/// 1. Never 0 on a thread, the same for its life, unique among living threads.
pub async fn ids_differ_and_stay<H: Host>() {
    let own = port::<H>().thread_id();
    assert_ne!(own, 0);
    if H::HELPERS == 2 {
        let ids = [id_of_helper::<H>(0).await, id_of_helper::<H>(1).await];
        assert!(ids[0] != 0 && ids[1] != 0);
        assert!(ids[0] != own && ids[1] != own && ids[0] != ids[1]);
        if H::THREADS_END {
            H::short_lived(|| NOTED[0].set(port::<H>().thread_id())).await;
            let short = NOTED[0].get();
            assert!(short != 0 && short != own && !ids.contains(&short));
        }
        assert_eq!(ids, [id_of_helper::<H>(0).await, id_of_helper::<H>(1).await]);
    }
    H::pass(2).await;
    assert_eq!(port::<H>().thread_id(), own);
}

/// 1. Interrupt handlers are known as such, and have no id.
pub async fn handlers_are_known<H: Host>() {
    assert!(!port::<H>().in_interrupt());
    if H::INTERRUPTS {
        let ask = || {
            NOTED[0].set(port::<H>().in_interrupt().into());
            NOTED[1].set(port::<H>().thread_id());
        };
        NOTED[1].set(1);
        H::interrupt(ask);
        assert_eq!((NOTED[0].get(), NOTED[1].get()), (1, 0));
        // also one that comes while the thread is asleep
        NOTED[0].set(0);
        NOTED[1].set(1);
        H::interrupt_in(2, ask);
        H::pass(5).await;
        assert_eq!((NOTED[0].get(), NOTED[1].get()), (1, 0));
    }
    assert!(!port::<H>().in_interrupt());
    assert_ne!(port::<H>().thread_id(), 0);
}

/// 2. The tick counts milliseconds, for everybody the same.
pub async fn tick_counts<H: Host>() {
    for ms in 1..=20 {
        let before = port::<H>().tick();
        H::pass(ms).await;
        let passed = port::<H>().tick().wrapping_sub(before);
        assert!(passed >= ms, "{passed} of {ms}");
        assert!(passed <= ms.saturating_add(H::LATE), "{passed} of {ms}");
    }
    let ask = || NOTED[0].set(port::<H>().tick());
    let start = port::<H>().tick();
    let is_now = |tick: u32| tick.wrapping_sub(start) <= port::<H>().tick().wrapping_sub(start);
    H::interrupt(ask);
    assert!(is_now(NOTED[0].get()));
    if H::HELPERS != 0 {
        H::helper(0, ask).await;
        assert!(is_now(NOTED[0].get()));
    }
}

/// 2. The tick wraps at 2^32, and not before.
pub async fn tick_wraps<H: Host>() {
    let start = port::<H>().tick();
    // where the clauses run in turn, one before this may have seen it wrap: then it is too late
    if H::WRAPS_WITHIN == 0 || start < 1 << 31 {
        return;
    }
    let mut last = start;
    while last >= start {
        assert!(last.wrapping_sub(start) <= H::WRAPS_WITHIN, "it does not wrap");
        H::pass(5).await;
        let now = port::<H>().tick();
        let passed = now.wrapping_sub(last);
        assert!(passed >= 5 && passed <= 5_u32.saturating_add(H::LATE), "{passed} of 5, {last} to {now}");
        last = now;
    }
}

const OWN: u32 = 0xFFFF_FF00;

/// 3. `local`: 0 at first; then what this thread, and no other, set last.
pub async fn local_is_per_thread<H: Host>() {
    let local = || port::<H>().local();
    let Some(before) = local() else { return };
    // no value that the library gives out: it would take it for a thread's
    port::<H>().set_local(OWN);
    assert_eq!(local(), Some(OWN));
    H::interrupt(|| {
        port::<H>().local();
    });
    assert_eq!(local(), Some(OWN));
    let ask_and_set = || {
        NOTED[0].set(port::<H>().local().unwrap_or(1));
        port::<H>().set_local(OWN + 1);
        NOTED[1].set(port::<H>().local().unwrap_or(1));
    };
    let ask_and_clear = || {
        NOTED[0].set(port::<H>().local().unwrap_or(1));
        port::<H>().set_local(0);
    };
    for number in 0..H::HELPERS {
        H::helper(number, ask_and_set).await;
        assert_eq!((NOTED[0].get(), NOTED[1].get(), local()), (0, OWN + 1, Some(OWN)), "helper {number}");
    }
    if H::THREADS_END {
        // twice: what the first had is not found by its successor
        for _ in 0..2 {
            H::short_lived(ask_and_set).await;
            assert_eq!((NOTED[0].get(), NOTED[1].get(), local()), (0, OWN + 1, Some(OWN)));
        }
    }
    for number in 0..H::HELPERS {
        H::helper(number, ask_and_clear).await;
        assert_eq!((NOTED[0].get(), local()), (OWN + 1, Some(OWN)), "helper {number}");
    }
    port::<H>().set_local(before);
    assert_eq!(local(), Some(before));
}

/// Sleeps once, unless the word is another than `value` by now.
async fn wait<H: Host>(side: Side, value: u32, ms: Option<u32>) {
    H::wait(WaitPoint { word: SLEPT_ON.address(), value, side, context: context() }, ms).await;
}

/// Changes the word and wakes that side, as the library does it.
fn wake<H: Host>(side: Side) {
    SLEPT_ON.add();
    port::<H>().wake(WaitPoint { word: SLEPT_ON.address(), value: 0, side, context: context() });
}

/// Sleeps until the word is no longer `value`; gives the number of times the wait returned.
async fn wait_for_change<H: Host>(side: Side, value: u32, ms: Option<u32>) -> u32 {
    let mut returns = 0;
    while SLEPT_ON.get() == value {
        wait::<H>(side, value, ms).await;
        returns += 1;
    }
    returns
}

/// What wakes the side of that number.
fn waker<H: Host>(side: Side) -> fn() {
    match side {
        Side::Client => || wake::<H>(Side::Client),
        Side::Canceller => || wake::<H>(Side::Canceller),
    }
}

const SIDES: [Side; 2] = [Side::Client, Side::Canceller];

/// 4. A wake that comes after the waiter last looked, and before it sleeps, is not lost.
pub async fn wake_before_wait<H: Host>() {
    set_context(H::context());
    for side in SIDES {
        let value = SLEPT_ON.get();
        wake::<H>(side);
        wait::<H>(side, value, None).await;

        let value = SLEPT_ON.get();
        H::interrupt(waker::<H>(side));
        wait::<H>(side, value, None).await;

        for number in 0..H::HELPERS {
            let value = SLEPT_ON.get();
            H::helper(number, waker::<H>(side)).await;
            wait::<H>(side, value, None).await;
        }
    }
}

/// 4. A wake ends a wait: whatever the moment, from as it falls asleep to when it has long slept.
pub async fn wake_ends_wait<H: Host>() {
    set_context(H::context());
    for ms in [0, 1, 0, 1, 2, 7, 30] {
        for side in SIDES {
            let value = SLEPT_ON.get();
            H::interrupt_in(ms, waker::<H>(side));
            wait_for_change::<H>(side, value, None).await;
            // the handler may be about to return
            H::pass(1).await;
        }
    }
}

/// What a side's word of [`NOTED`] says of its sleeper.
const HAS_BEGUN: u32 = 1;
const IS_DUE: u32 = 2;
const IS_OVER: u32 = 3;

/// A side's sleeper: sleeps until it is due.
fn sleep<H: Host>(side: Side, noted: usize) {
    NOTED[noted].set(HAS_BEGUN);
    loop {
        let value = SLEPT_ON.get();
        if NOTED[noted].get() == IS_DUE {
            break;
        }
        port::<H>().wait(WaitPoint { word: SLEPT_ON.address(), value, side, context: context() }, None);
    }
    NOTED[noted].set(IS_OVER);
}

/// 4. Two threads sleep on one word, a client and a canceller: a wake is for the side that it names.
pub async fn each_side_is_woken<H: Host>() {
    if !H::HELPERS_SLEEP {
        return;
    }
    let sleepers: [fn(); 2] = [|| sleep::<H>(Side::Client, 0), || sleep::<H>(Side::Canceller, 1)];
    set_context(H::context());
    for first in [0, 1] {
        for (side, sleeper) in sleepers.into_iter().enumerate() {
            NOTED[side].set(0);
            H::start(side, sleeper);
            while NOTED[side].get() != HAS_BEGUN {
                H::pass(1).await;
            }
        }
        for side in [first, 1 - first] {
            H::pass(5).await;
            assert_eq!(NOTED[side].get(), HAS_BEGUN);
            NOTED[side].set(IS_DUE);
            wake::<H>(SIDES[side]);
            H::finished(side).await;
            assert_eq!(NOTED[side].get(), IS_OVER);
        }
    }
}

/// 4. A wait ends when its time is over, and sleeps until then.
pub async fn wait_keeps_time<H: Host>() {
    set_context(H::context());
    for ms in [1, 2, 7, 30, 50] {
        let start = port::<H>().tick();
        let mut returns = 0;
        let passed = loop {
            let passed = port::<H>().tick().wrapping_sub(start);
            if passed >= ms {
                break passed;
            }
            wait::<H>(Side::Client, SLEPT_ON.get(), Some(ms - passed)).await;
            returns += 1;
        };
        assert!(passed <= ms.saturating_add(H::LATE), "{passed} of {ms}");
        assert!(returns <= 5, "it returned {returns} times in {ms} ms");
    }
}

/// 4. So does a wait whose time is very long, however large a number it becomes in the port's own unit. A wake ends it.
pub async fn long_waits_sleep<H: Host>() {
    set_context(H::context());
    for ms in [65_536, 4_294_968, 42_949_673, 1 << 30, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE] {
        let value = SLEPT_ON.get();
        let start = port::<H>().tick();
        H::interrupt_in(10, waker::<H>(Side::Client));
        let returns = wait_for_change::<H>(Side::Client, value, Some(ms)).await;
        assert!(returns <= 5, "it returned {returns} times for {ms} ms");
        let passed = port::<H>().tick().wrapping_sub(start);
        assert!(passed <= 11_u32.saturating_add(H::LATE), "woken after 10 ms, awake after {passed}");
        H::pass(1).await;
    }
}
