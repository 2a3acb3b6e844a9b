//! Instructions of each operation, from the emulator's log of tests/interrupts.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use super::listing::Listing;
use crate::interrupts::Processor;
use crate::interrupts::image::Image;
use crate::interrupts::scenarios::SCENARIOS;
use crate::log::Log;
use crate::project::Project;

/// What was measured on a processor.
pub struct Measured {
    /// For each operation the least and the most instructions among the scenarios.
    pub operations: BTreeMap<String, (usize, usize)>,
    /// The most instructions executed with interrupts masked, and where. Nothing where nothing masks them.
    pub masked: (u32, String),
}

/// Plays each operation once, uninterrupted.
pub fn measure(processor: Processor, project: &Project, log: &mut Log) -> Result<Measured> {
    let image = Image::build(project, log, processor)?;
    let traced = image.trace(log, &image.listing()?)?;
    ensure!(traced.len() == SCENARIOS.len(), "{} of {} scenarios", traced.len(), SCENARIOS.len());
    let mut operations: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (scenario, traced) in SCENARIOS.iter().zip(&traced) {
        let name = format!("{:?}", scenario.interrupted);
        let name = name.split('(').next().unwrap_or_default().to_owned();
        let (least, most) = operations.entry(name).or_insert((traced.executed, traced.executed));
        (*least, *most) = (traced.executed.min(*least), traced.executed.max(*most));
    }
    Ok(Measured { operations, masked: Listing::of(&image.elf)?.longest_masked()? })
}
