//! Hazards of setting up and taking down.
#![cfg(loom)]

use cocancel::{Global, Hresult, Life, Outcome};
use cocancel_loom_tests::record::Record;
use cocancel_loom_tests::{Rt, model, spawn};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// Storage that its mark guards: loom reports what is not ordered.
struct Guarded {
    life: Life,
    set_up: UnsafeCell<u32>,
}

// SAFETY: loom reports what is not ordered
unsafe impl Sync for Guarded {}
// SAFETY: as above
unsafe impl Send for Guarded {}

impl Guarded {
    fn new() -> Arc<Self> {
        Arc::new(Self { life: Life::new(), set_up: UnsafeCell::new(0) })
    }

    /// Sets it up, unless somebody has it.
    fn set_up(&self) -> bool {
        let won = self.life.begin();
        if won {
            // SAFETY: loom reports what is not ordered
            self.set_up.with_mut(|times| unsafe { *times += 1 });
            self.life.ready();
        }
        won
    }

    fn use_it(&self) -> u32 {
        // SAFETY: loom reports what is not ordered
        self.set_up.with(|times| unsafe { *times })
    }
}

#[test]
fn init_race() {
    loom::model(|| {
        let storage = Guarded::new();
        let others = [(); 2].map(|()| {
            thread::spawn({
                let storage = Arc::clone(&storage);
                move || {
                    let won = storage.set_up();
                    if storage.life.is_ready() {
                        assert_eq!(storage.use_it(), 1);
                    }
                    won
                }
            })
        });
        let winners = others.map(|other| u32::from(other.join().unwrap())).iter().sum::<u32>();
        assert_eq!(winners, 1, "exactly one sets up");
        assert!(storage.life.is_ready());
    });
}

#[test]
fn taking_down_races_setting_up_again() {
    loom::model(|| {
        let storage = Guarded::new();
        assert!(storage.set_up());
        let other = thread::spawn({
            let storage = Arc::clone(&storage);
            move || storage.set_up()
        });
        assert!(storage.life.retire());
        assert!(!storage.life.retire(), "once");
        assert_eq!(storage.use_it(), 1);
        storage.life.end();
        let again = other.join().unwrap();
        assert_eq!(storage.use_it(), 1 + u32::from(again));
        assert_eq!(storage.life.is_ready(), again);
    });
}

#[test]
fn what_a_global_place_refers_to_is_complete() {
    loom::model(|| {
        let place: &'static Global<Guarded> = Box::leak(Box::new(Global::new()));
        let owner = thread::spawn(move || {
            let value: &'static Guarded =
                Box::leak(Box::new(Guarded { life: Life::new(), set_up: UnsafeCell::new(0) }));
            assert!(value.set_up());
            place.set(Some(value));
        });
        let other = thread::spawn(move || {
            let value: &'static Guarded =
                Box::leak(Box::new(Guarded { life: Life::new(), set_up: UnsafeCell::new(0) }));
            assert!(value.set_up());
            match place.replace(None, Some(value)) {
                Ok(()) => {}
                Err(found) => assert_eq!(found.map(Guarded::use_it), Some(1)),
            }
        });
        if let Some(found) = place.get() {
            assert_eq!(found.use_it(), 1);
        }
        owner.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn deinit_with_a_stuck_worker() {
    model(3, |rt: &Rt<1, 1>| {
        rt.enable().unwrap();
        let record = Record::new();
        let call = rt.begin(record.call()).call;
        assert_eq!(rt.finish(call), Ok(Outcome::Canceled));
        assert_eq!(rt.deinit(), Err(Hresult::E_ACCESSDENIED), "the worker still has it");
        // it comes back at last
        let stuck = spawn(2, move || record.server_is_done(rt.complete(call).unwrap()));
        rt.thread_exit();
        stuck.join().unwrap();
        assert_eq!(rt.deinit(), Ok(()), "nothing keeps it now");
        record.assert_disposed_once();
    });
}
