//! tests/interrupts: an interrupt at each instruction of each operation, in the emulator.
//!
//! The image says what came of it; here it is judged. Each outcome must be one that the reference model allows: the handler before
//! the operation, or after it. And each instruction that a trace of the operation shows must have been interrupted, but for
//! those at which interrupts are masked.

mod allowed;
pub mod image;
#[path = "../../../tests/interrupts/src/scenarios.rs"]
pub mod scenarios;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome, Step};
use image::{Image, Played};
use scenarios::SCENARIOS;

/// A processor, and how the library does without compare-exchange there.
#[derive(Clone, Copy)]
pub(crate) struct Processor {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    pub(crate) machine: &'static str,
    pub(crate) feature: Option<&'static str>,
}

/// All of them.
pub(crate) const PROCESSORS: [Processor; 3] = [
    Processor {
        name: "Cortex-M0, critical section",
        target: "thumbv6m-none-eabi",
        machine: "microbit",
        feature: Some("critical-section"),
    },
    Processor {
        name: "Cortex-M0, single core",
        target: "thumbv6m-none-eabi",
        machine: "microbit",
        feature: Some("single-core"),
    },
    Processor { name: "Cortex-M3", target: "thumbv7m-none-eabi", machine: "stm32vldiscovery", feature: None },
];

/// The steps of the gate.
pub fn steps() -> impl Iterator<Item = Step> {
    PROCESSORS.into_iter().map(|processor| {
        Step::new(format!("interrupts {}", processor.name), move |project, log| {
            Ok(Outcome::Tests(run(project, log, processor)?))
        })
        .minutes(20)
    })
}

/// `cargo xtask interrupts`
pub fn command(project: &Project) -> Result<ExitCode> {
    let mut total = Counts::default();
    for processor in PROCESSORS {
        let name = format!("interrupts {}", processor.name);
        let mut log = Log::create(&project.scratch().join("logs"), &name, Duration::from_secs(20 * 60))?;
        let counts = run(project, &mut log, processor);
        println!("{}", log.tail(200)?);
        total += counts?;
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One test for each scenario.
fn run(project: &Project, log: &mut Log, processor: Processor) -> Result<Counts> {
    let image = Image::build(project, log, processor)?;
    let listing = image.listing()?;
    let played = image.play(log)?;
    let traced = image.trace(log, &listing)?;
    ensure!(played.len() == SCENARIOS.len(), "{} of {} scenarios were played", played.len(), SCENARIOS.len());
    ensure!(traced.len() == SCENARIOS.len(), "{} of {} scenarios were traced", traced.len(), SCENARIOS.len());
    let mut counts = Counts::default();
    let mut trials = 0;
    let mut visited = BTreeSet::new();
    for ((scenario, played), traced) in SCENARIOS.iter().zip(&played).zip(&traced) {
        trials += played.trials;
        visited.extend(&played.visited);
        match judge(scenario, played, traced) {
            Ok(()) => counts.passed += 1,
            Err(error) => {
                counts.failed += 1;
                log.line(format!("{}: {error:#}", scenario.name))?;
            }
        }
    }
    log.line(format!(
        "{}: {trials} interrupts in {} scenarios; {} failed",
        processor.name,
        SCENARIOS.len(),
        counts.failed
    ))?;
    log.line("function of the library: instructions, of which were interrupted, of which run with interrupts masked")?;
    let masked = traced.iter().flat_map(|traced| &traced.masked).copied().collect::<BTreeSet<_>>();
    for function in &listing.functions {
        let among = |set: &BTreeSet<u32>| function.instructions.iter().filter(|at| set.contains(at)).count();
        log.line(format!(
            "{:6} {:6} {:6}  {}",
            function.instructions.len(),
            among(&visited),
            among(&masked),
            function.name
        ))?;
    }
    Ok(counts)
}

fn judge(scenario: &scenarios::Scenario, played: &Played, traced: &image::Traced) -> Result<()> {
    ensure!(played.name == scenario.name, "the image played {}", played.name);
    let allowed = allowed::outcomes(scenario).context("the model")?;
    for outcome in &played.outcomes {
        if !allowed.must.contains(outcome) && !allowed.may.contains(outcome) {
            bail!("came to\n  {outcome:x?}, the model allows\n  {:x?}", allowed.must);
        }
    }
    for outcome in &allowed.must {
        ensure!(played.outcomes.contains(outcome), "never came to {outcome:x?}: the interrupts were not all around it");
    }
    let missed: Vec<_> = traced.unmasked.difference(&played.visited).collect();
    ensure!(missed.is_empty(), "not interrupted at {missed:x?}");
    ensure!(!traced.unmasked.is_empty(), "the trace shows no instruction");
    Ok(())
}
