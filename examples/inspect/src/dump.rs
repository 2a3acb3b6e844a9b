//! The calls of a dump: what a debugger read of another process, of a core file or of a board.
//!
//! A dump is a line of JSON ([`Header`]) and then, as they stood in memory, the call table, the thread table and, where they were
//! recorded, the [`Ages`]. The header says where in a slot the words stand, so that a board's dump can be shown on a host. Nothing here
//! knows what a word means: the words that count are put into tables of this program's own, and the library's snapshot is taken of those.

use std::fmt::Write as _;
use std::io::BufRead;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context, Result, ensure};
use cocancel::{Borrowed, CallSlot, Port, Runtime, ThreadSlot, WaitPoint};
use serde::Deserialize;

use crate::table::{Ages, write_table};

/// Where the words of a call slot stand: byte offsets.
#[derive(Deserialize, Debug, Clone, Copy)]
pub struct CallLayout {
    size: usize,
    state: usize,
    request: usize,
    outer: usize,
}

/// Where the words of a thread slot stand, and its home call slot, where there is one.
#[derive(Deserialize, Debug, Clone, Copy)]
pub struct ThreadLayout {
    size: usize,
    id: usize,
    top: usize,
    home: Option<usize>,
}

/// The first line of a dump.
#[derive(Deserialize, Debug)]
pub struct Header {
    /// Says that it is one: 1.
    cocancel_dump: u32,
    big_endian: bool,
    call: CallLayout,
    thread: ThreadLayout,
    /// How many call slots follow.
    calls: usize,
    /// And thread slots.
    threads: usize,
    /// And words of ages: as many as [`Ages::ROOM`], or none.
    ages: usize,
    /// The half period of the clock that was seen last.
    half: u32,
    /// The port's tick when the dump was taken, milliseconds.
    now: u32,
}

/// The layout of this program's own tables.
#[derive(Deserialize)]
struct Own {
    call: CallLayout,
    thread: ThreadLayout,
}

/// Nobody's port: time stands still in a dump.
struct Frozen(AtomicU32);

// SAFETY: 1. no thread ever attaches. 2. the dump's time, which stands. 3. nothing local. 4. nothing waits. 5. nothing unwinds.
// 6. there are no contexts.
unsafe impl Port for Frozen {
    fn thread_id(&self) -> u32 {
        1
    }

    fn tick(&self) -> u32 {
        // Relaxed: there is one thread
        self.0.load(Relaxed)
    }

    fn local(&self) -> Option<u32> {
        None
    }

    fn set_local(&self, _: u32) {}

    fn waiter(&self) -> Option<*mut ()> {
        None
    }

    fn wait(&self, _: WaitPoint, _: Option<u32>) {}

    fn wake(&self, _: WaitPoint) {}
}

/// One table of a dump.
struct Table<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl Table<'_> {
    fn word(&self, at: usize) -> Result<u32> {
        let bytes = self
            .bytes
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok())
            .context("the layout is not its table's")?;
        Ok(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }
}

/// Writes a word of a slot that nobody else has seen yet.
fn put<T>(slot: &mut T, at: usize, word: u32) {
    assert!(at.is_multiple_of(4) && at + 4 <= size_of::<T>(), "layout.json is not this build's");
    // SAFETY: within the slot, which is borrowed alone, and aligned; each word of a slot is an atomic or part of a pointer that the
    // snapshot does not read
    unsafe { (&raw mut *slot).cast::<u8>().add(at).cast::<u32>().write(word) };
}

/// Reads a dump and gives its table as text. `now` stands in for the tick that it was taken at.
///
/// # Errors
///
/// It is none, or cut off.
pub fn show(mut dump: impl BufRead, now: Option<u32>) -> Result<String> {
    let mut line = String::new();
    dump.read_line(&mut line)?;
    let header: Header = serde_json::from_str(&line).context("not a dump of cocancel's tables")?;
    ensure!(header.cocancel_dump == 1, "a dump of another kind: {}", header.cocancel_dump);
    let mut bytes = Vec::new();
    dump.read_to_end(&mut bytes)?;
    let (call_bytes, thread_bytes) = (header.calls * header.call.size, header.threads * header.thread.size);
    let whole = call_bytes + thread_bytes + header.ages * 8;
    ensure!(bytes.len() == whole, "{} bytes of tables, not the {whole} that the header says", bytes.len());
    let table = |from: usize, to: usize| Table { bytes: &bytes[from..to], big_endian: header.big_endian };
    let (calls, threads) = (table(0, call_bytes), table(call_bytes, call_bytes + thread_bytes));
    let (ages, _) = bytes[call_bytes + thread_bytes..].as_chunks();
    let ages: Vec<u64> = ages.iter().map(|&word| u64::from_le_bytes(word)).collect();
    render(&header, &calls, &threads, &ages, now.unwrap_or(header.now))
}

fn render(header: &Header, calls: &Table<'_>, threads: &Table<'_>, ages: &[u64], now: u32) -> Result<String> {
    let own: Own = serde_json::from_str(include_str!("../layout.json")).context("layout.json")?;
    let mut call_slots: Vec<CallSlot> = Vec::new();
    for index in 0..header.calls {
        let mut slot = CallSlot::new();
        copy_call(&mut slot, 0, own.call, calls, index * header.call.size, header.call)?;
        call_slots.push(slot);
    }
    let mut thread_slots: Vec<ThreadSlot> = Vec::new();
    for index in 0..header.threads {
        let (mut slot, from) = (ThreadSlot::new(), index * header.thread.size);
        put(&mut slot, own.thread.id, threads.word(from + header.thread.id)?);
        put(&mut slot, own.thread.top, threads.word(from + header.thread.top)?);
        if let (Some(home), Some(place)) = (header.thread.home, own.thread.home) {
            copy_call(&mut slot, place, own.call, threads, from + home, header.call)?;
        }
        thread_slots.push(slot);
    }
    let storage = Borrowed::new(&mut call_slots, &mut thread_slots, &mut []).context("more slots than there can be")?;
    let runtime = Runtime::new(Frozen(AtomicU32::new(0)), storage);
    // the clock is wound up to the half period that the dump's runtime had seen
    for half in 1..=header.half.min(1 << 20) {
        // Relaxed: there is one thread
        runtime.port().0.store(half << 31, Relaxed);
        runtime.tick(1);
    }
    // Relaxed: there is one thread
    runtime.port().0.store(now, Relaxed);
    let mut text = String::new();
    writeln!(text, "cocancel: {} threads, tick {now}", runtime.threads())?;
    write_table(&mut text, runtime.calls(), |call| Ages::dumped(ages, call, now))?;
    Ok(text)
}

fn copy_call<T>(
    slot: &mut T,
    to: usize,
    own: CallLayout,
    table: &Table<'_>,
    from: usize,
    its: CallLayout,
) -> Result<()> {
    put(slot, to + own.state, table.word(from + its.state)?);
    put(slot, to + own.request, table.word(from + its.request)?);
    put(slot, to + own.outer, table.word(from + its.outer)?);
    Ok(())
}
