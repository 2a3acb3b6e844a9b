//! A runtime with as many call slots and threads as one likes, in tables on the heap.
//!
//! A kernel has no 65,536 threads to give: a thread of the system plays as many of the runtime's as it likes, one after the other.

use std::cell::Cell;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use cocancel::{Borrowed, CallSlot, Hresult, IndexCell, Port, Runtime, ThreadSlot, WaitPoint};

thread_local! {
    static ID: Cell<u32> = const { Cell::new(0) };
    static LOCAL: Cell<u32> = const { Cell::new(0) };
}

/// The first actor's id; the others follow, as a kernel hands them out.
pub const FIRST_ID: u32 = 1000;

/// One of the runtime's threads.
#[derive(Clone, Copy, Debug)]
pub struct Actor {
    /// Its id; a new one for each life.
    pub id: u32,
    local: u32,
}

impl Actor {
    /// One that is not attached.
    pub const fn new(id: u32) -> Self {
        Self { id, local: 0 }
    }
}

/// Says that the calling thread is the actor that it plays. The time stands still until it is told otherwise.
#[derive(Debug, Default)]
pub struct Stage {
    now: AtomicU32,
}

impl Stage {
    /// Time passes.
    pub fn advance(&self, ms: u32) {
        // Relaxed: one thread at a time tells the time
        self.now.store(self.now.load(Relaxed).wrapping_add(ms), Relaxed);
    }
}

// SAFETY: 1. the id of the actor, whom one thread plays at a time. 2. `advance` only adds. 3. one word for each actor, brought in
// by `play`. 4. nothing waits. 5. nothing unwinds. 6. there are no contexts.
unsafe impl Port for Stage {
    fn thread_id(&self) -> u32 {
        ID.get()
    }
    fn tick(&self) -> u32 {
        // Relaxed: only its own value
        self.now.load(Relaxed)
    }
    fn local(&self) -> Option<u32> {
        Some(LOCAL.get())
    }
    fn set_local(&self, value: u32) {
        LOCAL.set(value);
    }
    fn waiter(&self) -> Option<*mut ()> {
        None
    }
    fn wait(&self, _: WaitPoint, _: Option<u32>) {}
    fn wake(&self, _: WaitPoint) {}
}

/// The runtime.
pub type Rt = Runtime<Stage, Borrowed<'static>>;

/// A runtime with its tables, which stay for the rest of the process.
pub struct Many {
    /// The runtime.
    pub runtime: Rt,
    /// How many threads it has room for.
    pub threads: usize,
}

fn table<T>(length: usize, new: impl Fn() -> T) -> &'static mut [T] {
    Box::leak((0..length).map(|_| new()).collect())
}

impl Many {
    /// Empty tables, with an index of two cells for each thread.
    pub fn new(calls: usize, threads: usize) -> Self {
        // one more than is used: calls start a cache line
        let slots = table(calls + 1, CallSlot::new);
        let first = usize::from(slots.as_ptr().addr() % 64 != 0);
        let slots = &mut slots[first..first + calls];
        let storage = Borrowed::new(slots, table(threads, ThreadSlot::new), table(2 * threads, IndexCell::new));
        let Some(storage) = storage else { panic!("{calls} calls and {threads} threads are too many") };
        Self { runtime: Runtime::new(Stage::default(), storage), threads }
    }

    /// The calling thread is `actor` in what `work` does.
    #[inline(always)]
    pub fn play<T>(&self, actor: &mut Actor, work: impl FnOnce(&Rt) -> T) -> T {
        ID.set(actor.id);
        LOCAL.set(actor.local);
        let out = work(&self.runtime);
        actor.local = LOCAL.get();
        out
    }

    /// All actors that there is room for, attached and enabled.
    pub fn enlist(&self) -> Vec<Actor> {
        let mut actors: Vec<Actor> = (FIRST_ID..).take(self.threads).map(Actor::new).collect();
        for actor in &mut actors {
            self.attach(actor);
        }
        actors
    }

    /// Attaches and enables.
    #[inline(always)]
    pub fn attach(&self, actor: &mut Actor) {
        assert_eq!(self.play(actor, Runtime::enable), Ok(()));
    }

    /// The actor ends.
    #[inline(always)]
    pub fn exit(&self, actor: &mut Actor) {
        self.play(actor, Runtime::thread_exit);
    }

    /// Looks a thread up that has no call, or is none.
    #[inline(always)]
    pub fn look_up(&self, id: u32) {
        assert!(matches!(self.runtime.cancel_object(id), Err(Hresult::E_NOINTERFACE)));
    }
}

/// Bytes of what a runtime is made of.
#[cfg(not(cocancel_steps))]
pub fn bytes() -> [(&'static str, usize); 4] {
    const RUNTIME: usize = size_of::<Runtime<Stage, cocancel::Fixed<0, 0>>>();
    [
        ("a call", size_of::<CallSlot>()),
        ("a thread, its home call slot included", size_of::<ThreadSlot>()),
        ("a thread's two cells of the index", 2 * size_of::<IndexCell>()),
        ("the runtime itself", RUNTIME),
    ]
}
