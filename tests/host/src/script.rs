//! Scripts of single steps, each of which becomes an operation of some thread on something that is there.

mod cancelling;

use cocancel::Storage;
use cocancel_model::hresult::{RPC_E_CALL_CANCELED, RPC_S_CALLPENDING, S_OK};
use cocancel_model::{CallId, Config, CustomObject, FrameId, Object, Op, ThreadId};

use crate::both::Both;

/// The threads that act; 0 is an interrupt handler.
pub const ACTORS: u32 = 4;

/// Who acts, what it does (below [`KINDS`]), and two numbers to choose with.
pub type Choice = (ThreadId, u8, usize, u16);

/// How many kinds of steps there are.
pub const KINDS: u8 = 56;

/// The tests' own objects: two whose codes are no cancel object's of the library, and one that cannot be asked.
pub fn customs() -> Vec<CustomObject> {
    vec![
        CustomObject { has_cancel: true, cancel: 1, test: RPC_E_CALL_CANCELED },
        CustomObject { has_cancel: true, cancel: 0x8123_4567, test: S_OK },
        CustomObject { has_cancel: false, cancel: S_OK, test: S_OK },
    ]
}

/// A call that a thread has out.
#[derive(Clone, Copy, Debug)]
struct Out {
    thread: ThreadId,
    call: CallId,
    has_slot: bool,
    /// It was over and is on no stack any more.
    is_unset: bool,
}

/// A script being played.
#[derive(Debug)]
pub struct Script<S: 'static> {
    both: Both<S>,
    out: Vec<Out>,
    asynchronous: Vec<CallId>,
    /// Calls that were on no stack when they were finished.
    finished: Vec<CallId>,
    /// Calls without a slot.
    markers: Vec<CallId>,
    /// Names of handles that nobody was given.
    forged: Vec<CallId>,
    frames: Vec<(ThreadId, FrameId)>,
    /// Standard contexts that were switched out while this frame was the innermost.
    contexts: Vec<(FrameId, Object)>,
    /// Threads whose context is not the innermost served call's.
    switched: Vec<ThreadId>,
    names: u32,
}

impl<S: Storage + 'static> Script<S> {
    /// A script that begins with nothing, at the time `now`.
    pub fn new(now: u32, storage: S, config: Config) -> Self {
        Self {
            both: Both::new(now, storage, config),
            out: Vec::new(),
            asynchronous: Vec::new(),
            finished: Vec::new(),
            markers: Vec::new(),
            forged: Vec::new(),
            frames: Vec::new(),
            contexts: Vec::new(),
            switched: Vec::new(),
            names: 0,
        }
    }

    fn name(&mut self) -> u32 {
        self.names += 1;
        self.names
    }

    fn play(&mut self, thread: ThreadId, op: Op) -> u32 {
        self.both.play(thread, op).hresult
    }

    /// One step of the script.
    pub fn step(&mut self, (thread, what, which, number): Choice) {
        match what {
            0..=19 => self.step_of_client(thread, what, which, number),
            20..=31 => self.step_of_server(thread, what, which, number),
            32..=44 => self.step_of_canceller(thread, what, which, number),
            45..=50 => self.step_of_context(thread, what, which),
            _ => self.step_of_life(thread, what, which, number),
        }
    }

    fn step_of_client(&mut self, thread: ThreadId, what: u8, which: usize, number: u16) {
        let own_timeout = if number % 3 == 0 { Some(u64::from(number) + 1) } else { None };
        let context = which % 2 == 0;
        match what {
            // also from an interrupt handler
            0 => {
                let call = self.name();
                let previous = self.asynchronous.iter().chain(&self.finished).nth(which % 4).copied();
                let before = previous.filter(|_| number % 4 == 0);
                let begun = Op::BeginAsync { call, previous: before, context, own_timeout };
                let hresult = self.play(thread, begun);
                if hresult != RPC_S_CALLPENDING {
                    self.asynchronous.push(call);
                    if hresult != S_OK {
                        self.markers.push(call);
                    }
                }
            }
            _ if thread == 0 => {}
            1..=3 => {
                self.play(thread, Op::Enable);
            }
            4 => {
                self.play(thread, Op::Disable);
            }
            5..=9 => {
                let call = self.name();
                let has_slot =
                    self.play(thread, Op::Begin { call, context, own_timeout, always_slot: which % 7 == 0 }) == S_OK;
                if !has_slot {
                    self.markers.push(call);
                }
                self.out.push(Out { thread, call, has_slot, is_unset: false });
            }
            10..=12 => {
                if let Some((_, out)) = self.mine(thread, which) {
                    self.play(thread, Op::Poll { call: out.call });
                }
            }
            13..=15 => {
                if let Some((position, out)) = self.mine(thread, which) {
                    self.out.remove(position);
                    if out.is_unset {
                        self.finished.push(out.call);
                    }
                    self.play(thread, Op::Finish { call: out.call });
                }
            }
            16 | 17 => {
                if !self.asynchronous.is_empty() {
                    let call = self.asynchronous.remove(which % self.asynchronous.len());
                    self.finished.push(call);
                    self.play(thread, Op::Finish { call });
                }
            }
            _ => self.finish_anything(thread, which),
        }
    }

    /// A call that is somebody else's, or over, or was never begun. Not a marker, which only its client finishes, and once.
    fn finish_anything(&mut self, thread: ThreadId, which: usize) {
        let Some(call) = self.some_call(which) else { return };
        let is_out = |out: &Out| out.call == call && (out.thread == thread || out.is_unset);
        let is_client = self.asynchronous.contains(&call) || self.out.iter().any(is_out);
        if !is_client && !self.markers.contains(&call) {
            self.play(thread, Op::Finish { call });
        }
    }

    fn step_of_server(&mut self, thread: ThreadId, what: u8, which: usize, number: u16) {
        let some_call = self.some_call(which);
        match (what, some_call) {
            (20, _) => {
                let call = self.name();
                if self.play(thread, Op::Serve { call }) != S_OK {
                    self.markers.push(call);
                }
            }
            (21..=24, Some(call)) if thread != 0 => {
                let frame = self.name();
                if self.play(thread, Op::Enter { call, frame }) != S_OK {
                    return;
                }
                if self.both.runtime().port().is_attached() {
                    self.frames.push((thread, frame));
                } else {
                    // a thread that got no slot has to leave what it entered: its exit would not find it
                    self.play(thread, Op::Leave { frame });
                }
            }
            (25 | 26, _) if thread != 0 => {
                if let Some(frame) = self.innermost(thread) {
                    self.frames.retain(|(_, other)| *other != frame);
                    self.play(thread, Op::Leave { frame });
                }
            }
            (27..=29, Some(call)) => {
                self.play(thread, Op::Complete { call });
            }
            (30, Some(call)) => {
                let hresult = [0x8001_0007, 0x8000_4005, 0x8001_0002, 0x8001_0115, 0][usize::from(number) % 5];
                self.play(thread, Op::Abandon { call, hresult });
            }
            (31, Some(call)) if !self.markers.contains(&call) && !self.forged.contains(&call) => {
                // another generation of its slot, or no slot at all
                let bit = if number % 2 == 0 { 15 } else { usize::BITS - 2 };
                let forged = self.name();
                self.both.driver.forge(forged, call, bit);
                self.forged.push(forged);
            }
            _ => {}
        }
    }

    fn step_of_life(&mut self, thread: ThreadId, what: u8, which: usize, number: u16) {
        match what {
            51 => {
                self.play(thread, Op::Advance(u64::from(number)));
            }
            52 => {
                if number % 8 == 0 {
                    self.play(thread, Op::Advance(432_000_000));
                }
                self.play(thread, Op::Tick);
            }
            _ if thread == 0 => {}
            53 if number % 2 == 0 => {
                self.play(thread, Op::SetCancelObject(which % 3));
            }
            53 => self.unset(thread),
            54 => self.exit(thread),
            _ => self.restart(thread),
        }
    }

    fn unset(&mut self, thread: ThreadId) {
        let reply = self.both.play(thread, Op::UnsetCancelObject);
        if reply.hresult == S_OK && reply.effects.released.is_empty() {
            let mut on_stack = self.out.iter_mut().rev().filter(|out| out.thread == thread && !out.is_unset);
            on_stack.next().expect("what was unset was there").is_unset = true;
        }
    }

    fn exit(&mut self, thread: ThreadId) {
        // those that are on no stack any more the exit would not find
        for out in self.out.clone() {
            if out.thread == thread && out.is_unset {
                self.finished.push(out.call);
                self.play(thread, Op::Finish { call: out.call });
            }
        }
        self.play(thread, Op::ThreadExit);
        self.gone(thread);
    }

    fn gone(&mut self, thread: ThreadId) {
        self.out.retain(|out| out.thread != thread);
        self.frames.retain(|(owner, _)| *owner != thread);
        self.switched.retain(|switched| *switched != thread);
    }

    /// The runtime ends, if nothing is in use, and begins anew.
    fn restart(&mut self, thread: ThreadId) {
        if self.play(thread, Op::Deinit) != S_OK {
            return;
        }
        self.both.model.run(thread, Op::Init);
        self.gone(thread);
        for marker in std::mem::take(&mut self.markers) {
            self.both.driver.forget(marker);
            self.out.retain(|out| out.call != marker);
            self.asynchronous.retain(|call| *call != marker);
            self.finished.retain(|call| *call != marker);
        }
    }

    fn innermost(&self, thread: ThreadId) -> Option<FrameId> {
        self.frames.iter().rfind(|(owner, _)| *owner == thread).map(|(_, frame)| *frame)
    }

    fn some_call(&self, which: usize) -> Option<CallId> {
        let calls = self.both.driver.calls();
        // rather one of the last
        let recent = calls.len().saturating_sub(if which % 2 == 0 { 6 } else { calls.len() });
        calls[recent..].get(which / 2 % (calls.len() - recent).max(1)).copied()
    }

    /// One of the thread's calls: mostly the innermost, sometimes one below.
    fn mine(&self, thread: ThreadId, which: usize) -> Option<(usize, Out)> {
        let mine: Vec<_> = self.out.iter().copied().enumerate().filter(|(_, out)| out.thread == thread).collect();
        // markers of both kinds in disorder may be taken for one another
        let is_any = which % 4 == 0 && mine.iter().all(|(_, out)| out.has_slot);
        let nth = if is_any { which / 4 % mine.len().max(1) } else { mine.len().saturating_sub(1) };
        mine.get(nth).copied()
    }

    /// Everything ends, and nothing is left.
    pub fn end(mut self) {
        for reference in self.both.driver.references() {
            self.play(1, Op::Release { reference });
        }
        for thread in 1..=ACTORS {
            self.exit(thread);
        }
        for call in self.both.driver.calls() {
            self.play(1, Op::Complete { call });
        }
        for call in std::mem::take(&mut self.asynchronous) {
            self.play(1, Op::Finish { call });
        }
        self.both.driver.end();
    }
}
