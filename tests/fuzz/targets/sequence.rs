//! Calls of C functions, good ones and hostile ones, which the reference model says what they answer.
#![no_main]

use cocancel_fuzz::play::{Play, THREADS};
use cocancel_fuzz::steps;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let now = bytes.first().map_or(0, |first| u32::MAX - 2000 * u32::from(*first));
    let mut play = Play::new(now);
    for step in steps(bytes, THREADS, 200) {
        play.step(step);
    }
    play.end();
});
