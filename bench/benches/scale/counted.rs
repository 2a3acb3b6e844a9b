//! What does not vary from machine to machine: atomic operations, and how far a look-up has to go. Counted by the hook that the library
//! has under `--cfg cocancel_steps`.

use std::cell::Cell;

use cocancel::{CallInfo, CallOptions, Hresult, Outcome, Phase, Reply, Timeout, Waiting, before_each_atomic_operation};

use crate::many::{Actor, Many};
use crate::operations::{ALL, Grows, Operation, fill};
use crate::text::{self, grouped};

thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// How many atomic operations of the library's `work` does.
pub fn steps<T>(work: impl FnOnce() -> T) -> (T, u64) {
    STEPS.set(0);
    before_each_atomic_operation(Some(|| STEPS.set(STEPS.get() + 1)));
    let out = work();
    before_each_atomic_operation(None);
    (out, STEPS.get())
}

/// Holds what was counted to what is promised.
fn hold(what: &str, is: bool) {
    assert!(is, "{what}");
    println!("held: {what}");
}

/// Prints everything, and fails where something grows that must not.
pub fn command(churned: u64) {
    operations();
    far_end();
    snapshots();
    crate::churn::all(churned);
}

/// Each operation at each size.
fn operations() {
    let table = |grows: Grows, unit: &str| {
        let header = grows.sizes().iter().map(|size| format!("{} {unit}", grouped(*size as u64)));
        let mut table = text::table(std::iter::once("atomic operations each".to_owned()).chain(header));
        for operation in ALL.iter().filter(|operation| operation.grows == grows) {
            let each: Vec<f64> = grows.sizes().iter().map(|size| each(operation, *size)).collect();
            let cells = each.iter().map(|each| format!("{each:.2}"));
            table.add_row(std::iter::once(operation.name.to_owned()).chain(cells));
            // the index is at half load at every size: what its chance gives differs by less than one more probe
            let most = each[0] + 2.0;
            assert!(each.iter().all(|each| *each <= most), "{}: {each:?}", operation.name);
        }
        println!("{table}\n");
    };
    table(Grows::Threads, "threads");
    table(Grows::Slots, "slots");
}

fn each(operation: &Operation, size: usize) -> f64 {
    // whole passes, for what looks at every slot
    let times = (size * 2_000_usize.div_ceil(size)) as u64;
    let mut subject = (operation.make)(size);
    steps(|| subject(times)).1 as f64 / times as f64
}

/// A call in the last slot of the largest tables, on the last thread's stack, through its life; and what the snapshot says meanwhile.
fn far_end() {
    let life = |calls: usize, threads: usize| {
        let many = Many::new(calls, threads);
        let mut actors = many.enlist();
        fill(&many.runtime, calls - 1, CallOptions::new());
        let (last, first) = match actors.as_mut_slice() {
            [first, .., last] => (last, first),
            _ => panic!("two threads at least"),
        };
        let id = last.id;
        let ((outer, inner), begun) = steps(|| {
            let begin = |runtime: &crate::many::Rt| runtime.begin(CallOptions::new()).call;
            many.play(last, |runtime| (begin(runtime), begin(runtime)))
        });
        let find = |call| many.runtime.calls().find(|info: &CallInfo| info.call == call);
        assert_eq!(many.runtime.calls().position(|info| info.call == inner), Some(calls - 1), "not in the last slot");
        assert_eq!(many.play(first, |runtime| runtime.enter(inner)), Ok(inner));
        let (canceled, asked) = steps(|| many.runtime.cancel_thread(id, Timeout::ZERO, Waiting::Never));
        assert_eq!(canceled, Hresult::S_OK);
        let Some(info) = find(inner) else { panic!("the snapshot does not show it") };
        assert_eq!((info.phase, info.thread, info.serving, info.pins), (Phase::Canceled, Some(id), true, 2));
        assert_eq!((many.runtime.calls().count(), many.runtime.threads()), (calls + 1, threads));
        let ((), ended) = steps(|| {
            many.play(first, |runtime| {
                assert!(matches!(runtime.complete(inner), Ok(Reply::Orphaned(_))));
                assert_eq!(runtime.leave(inner), Ok(()));
            });
            many.play(last, |runtime| {
                assert_eq!(runtime.finish(inner), Ok(Outcome::Canceled));
                assert_eq!(runtime.complete(outer), Ok(Reply::Delivered));
                assert_eq!(runtime.finish(outer), Ok(Outcome::Completed));
            });
        });
        assert_eq!((find(inner), many.runtime.calls().count()), (None, calls - 1));
        [begun, asked, ended]
    };
    let (near, far) = (life(8, 8), life(1_000_000, 65_536));
    println!(
        "a call in the last slot, begun, cancelled by thread, ended: {far:?} atomic operations; with 8 and 8: {near:?}"
    );
    hold(
        "begin and end of the call in slot 999,999 take as many atomic operations as in slot 7",
        far[0] == near[0] && far[2] == near[2],
    );
    hold("its cancel by thread takes no more than two probes more", far[1] <= near[1] + 4);
}

/// What the snapshot takes for each call, where calls are on threads' stacks and where they are left behind.
fn snapshots() {
    const DEPTH: usize = 15;
    let stacks = |threads: usize| {
        let many = Many::new(threads * DEPTH, threads);
        let mut actors = many.enlist();
        let mut whose = vec![0; threads * DEPTH];
        // round by round, so that neighbours are on different stacks
        for depth in 0..=DEPTH {
            for (which, actor) in actors.iter_mut().enumerate() {
                assert_eq!(many.play(actor, |runtime| runtime.begin(CallOptions::new())).cancellable, Ok(()));
                if let Some(depth) = depth.checked_sub(1) {
                    whose[depth * threads + which] = actor.id;
                }
            }
        }
        let (wrong, steps) = steps(|| {
            let wrong = |(info, id): &(CallInfo, &u32)| info.thread != Some(**id);
            many.runtime.calls().zip(&whose).filter(wrong).count()
        });
        assert_eq!(wrong, 0, "the snapshot takes calls for another thread's");
        steps as f64 / whose.len() as f64
    };
    let orphans = |calls: usize, threads: usize| {
        let many = Many::new(calls, threads);
        let mut actors: Vec<Actor> = many.enlist();
        let actor = &mut actors[threads - 1];
        // under it all: the home slot stays taken
        many.play(actor, |runtime| {
            let _ = runtime.begin(CallOptions::new());
            for _ in 0..calls {
                let call = runtime.begin(CallOptions::new()).call;
                assert_eq!(runtime.finish(call), Ok(Outcome::Canceled));
            }
        });
        let (count, steps) = steps(|| many.runtime.calls().filter(|info| info.phase == Phase::Canceled).count());
        assert_eq!(count, calls);
        steps as f64 / (calls + threads) as f64
    };
    let (few, all) = (stacks(8), stacks(65_536));
    println!(
        "snapshot, 15 nested calls on each stack: {few:.2} atomic operations a call with 8 threads, {all:.2} with 65,536"
    );
    hold("a call on a stack costs the snapshot the same whatever the number of threads", all <= few);
    let (few, all) = (orphans(8, 8), orphans(1_000_000, 65_536));
    println!("snapshot, orphans: {few:.2} atomic operations a slot with 8 of them, {all:.2} with 1,000,000");
    hold("so does an orphan", all <= few + 1.0);
}
