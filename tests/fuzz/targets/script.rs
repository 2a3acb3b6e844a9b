//! Scripts of the host tests, COM functions and custom objects included, on the Rust interface and the model at once.
#![no_main]

use cocancel::Fixed;
use cocancel_fuzz::steps;
use cocancel_host_tests::script::{ACTORS, KINDS, Script, customs};
use cocancel_model::Config;
use libfuzzer_sys::fuzz_target;

const THREADS: usize = ACTORS as usize + 2;

fuzz_target!(|bytes: &[u8]| {
    let config =
        Config { shared_calls: 3, threads: THREADS, port_waits: false, customs: customs(), ..Config::default() };
    let now = bytes.first().map_or(0, |first| u32::MAX - 2000 * u32::from(*first));
    let mut script = Script::new(now, Fixed::<3, THREADS, { 2 * THREADS }>::new(), config);
    for step in steps(bytes, ACTORS, 200) {
        script.step((step.thread, step.what % KINDS, step.which, step.number));
    }
    script.end();
});
