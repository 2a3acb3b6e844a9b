//! Random sequences of operations, on the library and on the reference model at once.

use cocancel::Fixed;
use cocancel_host_tests::Both;
use cocancel_host_tests::script::{ACTORS, Choice, KINDS, Script, customs};
use cocancel_model::{Config, Op, hresult};
use proptest::prelude::*;

/// Room for all threads that act.
const ENOUGH: usize = ACTORS as usize + 2;
/// Not for all.
const TOO_FEW: usize = ACTORS as usize - 1;

fn config(threads: usize) -> Config {
    Config { shared_calls: 3, threads, port_waits: false, customs: customs(), ..Config::default() }
}

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    // an interrupt handler acts now and then
    let thread = prop::sample::select(vec![0, 1, 1, 2, 2, 3, 3, 4]);
    prop::collection::vec((thread, 0..KINDS, any::<usize>(), any::<u16>()), 1..120)
}

fn play<const THREADS: usize, const CELLS: usize>(choices: Vec<Choice>, now: u32) {
    let mut script = Script::new(now, Fixed::<3, THREADS, CELLS>::new(), config(THREADS));
    choices.into_iter().for_each(|choice| script.step(choice));
    script.end();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_500, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn a_scan_of_few_threads(choices in choices(), now in prop::sample::select(vec![0, u32::MAX - 2000, u32::MAX / 2 - 900])) {
        play::<ENOUGH, 0>(choices, now);
    }

    #[test]
    fn an_index_of_threads(choices in choices()) {
        play::<ENOUGH, { 2 * ENOUGH }>(choices, 0);
    }

    #[test]
    fn more_threads_than_there_is_room_for(choices in choices()) {
        play::<TOO_FEW, 0>(choices, 0);
    }
}

#[test]
fn a_thread_is_enabled_so_often_and_no_more() {
    let mut both = Both::new(0, Fixed::<3, 1>::new(), config(1));
    for _ in 0..0x1_0000 {
        both.play(1, Op::Enable);
    }
    assert_eq!(both.play(1, Op::Enable).hresult, hresult::E_FAIL);
    for _ in 0..0x1_0000 {
        both.play(1, Op::Disable);
    }
    both.play(1, Op::ThreadExit);
    both.driver.end();
}

#[test]
fn a_thread_begins_so_many_calls_without_slots_and_no_more() {
    let mut both = Both::new(0, Fixed::<3, 1>::new(), config(1));
    let calls = 1..600;
    let begun = calls.clone().map(|call| {
        let begin = Op::Begin { call, context: false, own_timeout: None, always_slot: false };
        both.play(1, begin).hresult
    });
    assert!(begun.collect::<Vec<_>>().contains(&hresult::E_OUTOFMEMORY));
    for call in calls.rev() {
        both.play(1, Op::CancelThread { thread: 1, timeout: Some(0), wait: true });
        both.play(1, Op::Finish { call });
    }
    both.play(1, Op::ThreadExit);
    both.driver.end();
}

#[test]
fn finishing_what_has_no_client() {
    let mut both = Both::new(0, Fixed::<3, 1>::new(), config(1));
    both.play(1, Op::Serve { call: 1 });
    both.play(1, Op::Finish { call: 1 });
    both.play(1, Op::BeginAsync { call: 2, previous: None, context: false, own_timeout: None });
    both.play(1, Op::Finish { call: 2 });
    both.play(1, Op::Finish { call: 2 });
}

#[test]
fn an_asynchronous_call_does_not_show_where_it_is_served() {
    let mut both = Both::new(0, Fixed::<3, 1>::new(), config(1));
    both.play(1, Op::BeginAsync { call: 1, previous: None, context: false, own_timeout: None });
    both.play(1, Op::Enter { call: 1, frame: 1 });
    for op in [Op::TestCurrent, Op::Finish { call: 1 }, Op::TestCurrent] {
        both.play(1, op);
        assert_eq!(both.runtime().test().0 as u32, hresult::RPC_E_CALL_COMPLETE);
    }
}

#[test]
fn a_call_shows_where_it_is_served_although_its_client_unregistered_it() {
    let mut both = Both::new(0, Fixed::<3, 2>::new(), config(2));
    both.play(1, Op::Enable);
    both.play(1, Op::Begin { call: 1, context: false, own_timeout: None, always_slot: false });
    both.play(2, Op::Enter { call: 1, frame: 1 });
    both.play(2, Op::CancelThread { thread: 1, timeout: Some(0), wait: true });
    both.play(1, Op::UnsetCancelObject);
    both.play(2, Op::TestCurrent);
    assert_eq!(both.runtime().test().0 as u32, hresult::RPC_E_CALL_CANCELED);
}
