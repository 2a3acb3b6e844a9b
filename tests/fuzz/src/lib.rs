//! What the fuzz targets share.
//!
//! | module | what |
//! |---|---|
//! | [`c`] | the C functions, as the header declares them |
//! | [`host`] | a host in C's terms: its port, its clock, its storage |
//! | [`play`] | bytes become calls of C functions, in one thread of the system that plays several; the reference model says what they answer |
//! | [`hostile`] | calls with forged handles and bad pointers, which must be refused and change nothing |

pub mod c;
pub mod host;
pub mod hostile;
pub mod play;

use cocancel_c_api as _;

/// One step: who acts, what it does, and two numbers to choose with.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// A thread from 1, or 0 for an interrupt handler.
    pub thread: u32,
    /// What it does.
    pub what: u8,
    /// Chooses among what is there.
    pub which: usize,
    /// Chooses times, flags and bits.
    pub number: u16,
}

/// The steps that the bytes mean: five bytes each, and no more than so many.
pub fn steps(bytes: &[u8], threads: u32, most: usize) -> impl Iterator<Item = Step> {
    bytes.chunks_exact(5).take(most).map(move |chunk| Step {
        thread: u32::from(chunk[0]) % (threads + 1),
        what: chunk[1],
        which: usize::from(chunk[2]),
        number: u16::from_le_bytes([chunk[3], chunk[4]]),
    })
}
