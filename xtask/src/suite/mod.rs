//! The gate: which steps there are, in which order.

pub mod harness;
mod lints;
pub mod sanitizers;

use anyhow::Result;

use crate::project::Project;
use crate::report::Step;
use crate::{
    boards, c, channel, check, counts, demo, freertos, fuzz, harts, header, inspect, interrupts, mutate, no_panic,
    on_target, package, scale, size, soak, spin, windows,
};

/// All steps: what is quick and what most often fails comes first.
pub fn steps(project: &Project) -> Result<Vec<Step>> {
    let mut steps = vec![
        Step::new("fmt", lints::fmt).quick(),
        Step::new("clippy", lints::clippy).quick(),
        Step::new("clippy features", lints::clippy_features),
        Step::new("host tests", harness::host).quick(),
        Step::new("check", check::step),
        Step::new("header", header::step),
        Step::new("doc", lints::doc),
        Step::new("model tests", harness::model),
        Step::new("core tests", harness::core),
        Step::new("tokio tests", harness::tokio),
        Step::new("xtask tests", harness::xtask),
        Step::new("loom", harness::loom).minutes(20),
        Step::new("kill anywhere", harness::kill_anywhere).minutes(10),
    ];
    steps.extend(spin::steps(project)?);
    steps.extend(c::steps());
    steps.extend(package::steps());
    steps.extend(boards::steps());
    steps.extend(freertos::steps());
    steps.extend(interrupts::steps());
    steps.extend(harts::steps());
    steps.extend(on_target::steps());
    steps.push(size::step());
    steps.push(package::board());
    steps.extend(windows::steps());
    steps.extend(channel::steps());
    steps.extend([
        Step::new("no panic", no_panic::step),
        Step::new("inspect", inspect::step),
        Step::new("inspect tests", harness::inspect),
        Step::new("counts", counts::step),
        scale::step(),
        Step::new("rpc demo", demo::step),
        Step::new("rpc soak", demo::soak),
        soak::step(),
        Step::new("thread sanitizer", sanitizers::thread).minutes(15),
        Step::new("address sanitizer", sanitizers::address).minutes(15),
        fuzz::step(),
        Step::new("mutations", mutate::step).minutes(30),
    ]);
    Ok(steps)
}

/// Those that were asked for.
pub fn select(steps: Vec<Step>, quick: bool, filter: Option<&str>) -> Vec<Step> {
    steps.into_iter().filter(|s| s.quick || !quick).filter(|s| filter.is_none_or(|f| s.name.contains(f))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Outcome;

    #[test]
    fn steps_are_selected_by_name_and_speed() {
        let names = |quick, filter| {
            let step = |name: &str| Step::new(name, |_, _| Ok(Outcome::Passed));
            let steps = vec![step("fmt").quick(), step("spin index"), step("spin request")];
            let selected = select(steps, quick, filter);
            selected.into_iter().map(|s| s.name).collect::<Vec<_>>()
        };
        assert_eq!(names(false, None), ["fmt", "spin index", "spin request"]);
        assert_eq!(names(false, Some("spin")), ["spin index", "spin request"]);
        assert_eq!(names(true, None), ["fmt"]);
    }
}
