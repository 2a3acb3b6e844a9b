//! Mistakes of a driver are reported, not answered.

use cocancel_model::hresult::*;
use cocancel_model::*;

const BEGIN: Op = Op::Begin { call: 1, context: false, own_timeout: None, always_slot: true };

fn waiting() -> Model {
    let mut model = Model::new(Config::default());
    model.run(1, BEGIN);
    let step = model.start(1, Op::Wait { call: 1 });
    assert_eq!(step, Step::Waiting(Effects::default()));
    model
}

#[test]
fn a_thread_waits_until_it_may_return() {
    let mut model = waiting();
    assert!(model.is_waiting(1));
    assert!(!model.is_waiting(2));
    model.run(2, Op::Complete { call: 1 });
    assert!(model.is_waiting(1));
    assert_eq!(model.resume(1).map(|reply| reply.hresult), Some(S_OK));
    assert!(!model.is_waiting(1));
}

#[test]
fn only_advance_moves_the_clock() {
    let mut model = waiting();
    assert_eq!(model.now(), 0);
    model.run(Caller::Interrupt, Op::Advance(7));
    model.run(Caller::Interrupt, Op::Tick);
    assert_eq!(model.now(), 7);
}

#[test]
fn a_reference_is_held_until_its_release() {
    let mut model = waiting();
    assert!(!model.holds(1));
    model.run(2, Op::ObjectOf { call: 1, reference: 1 });
    assert!(model.holds(1));
    model.run(2, Op::Release { reference: 1 });
    assert!(!model.holds(1));
}

#[test]
#[should_panic(expected = "thread 1 waits")]
fn a_thread_that_waits_starts_nothing() {
    waiting().run(1, Op::Enable);
}

#[test]
#[should_panic(expected = "thread")]
fn a_thread_has_an_id() {
    waiting().run(0, Op::Enable);
}

#[test]
#[should_panic(expected = "call 1 was begun before")]
fn a_call_is_begun_once() {
    waiting().run(2, BEGIN);
}

#[test]
#[should_panic(expected = "call 1 was begun before")]
fn a_marker_is_begun_once() {
    let mut model = Model::new(Config { threads: 0, ..Config::default() });
    assert_eq!(model.run(1, BEGIN).hresult, E_OUTOFMEMORY);
    model.run(2, BEGIN);
}
