//! What the model makes of it: two cores, to be held against real ones, then more.

use std::path::Path;

use cocancel_bench::sample::Series;

use crate::cores::{Gain, gain, transfer};
use crate::measured::spread;
use crate::model::{Act, Machine, Setting, Time};
use crate::picture::{Curve, draw};
use crate::text::table;
use crate::workloads::{WORKLOADS, Workload};
use rand::rngs::SmallRng;

/// Numbers of cores.
const CORES: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/// Among how many runtimes the cores are divided.
const RUNTIMES: [usize; 4] = [1, 4, 16, 64];
/// How much longer a line takes where half of the cores are in another socket, as a guess for the second curve.
const FARTHER: u64 = 3;
/// How long each machine runs.
const LENGTH: Time = 100_000_000;

/// What was measured, for the model to start from.
struct Base {
    transfer: Series,
    gains: Vec<Gain>,
}

impl Base {
    fn measure() -> Self {
        Self { transfer: transfer(), gains: WORKLOADS.map(gain).into() }
    }

    fn is_complete(&self) -> bool {
        !self.transfer.0.is_empty() && self.gains.iter().all(|gain| !gain.alone.0.is_empty())
    }

    fn transfer(&self) -> Time {
        (self.transfer.median() * 1000.0) as Time
    }

    fn cost(&self, workload: Workload) -> Time {
        let alone = self.gains.iter().find(|gain| gain.workload == workload);
        alone.map_or(0, |gain| (gain.alone.median() * 1000.0) as Time)
    }

    /// Operations in a nanosecond.
    fn throughput(&self, workload: Workload, cores: usize, runtimes: usize, transfer: Time) -> f64 {
        let cost = |workload| self.cost(workload);
        let program = |random: &mut SmallRng, core: usize, runtime: usize, acts: &mut Vec<Act>| {
            workload.acts(&cost, random, core, runtime, acts);
        };
        Machine::new(Setting { cores, runtimes, transfer, program: &program }).run(LENGTH)
    }

    /// Throughput against one core, for each number of cores.
    fn curve(&self, workload: Workload, runtimes: usize, transfer: Time) -> Vec<(usize, f64)> {
        let one = self.throughput(workload, 1, 1, transfer);
        let gain = |cores| (cores, self.throughput(workload, cores, runtimes.min(cores), transfer) / one);
        CORES.into_iter().map(gain).collect()
    }
}

/// Where a doubling of the cores no more gives half as much again; the last number of cores before that.
fn knee(curve: &[(usize, f64)]) -> String {
    let flat = curve.windows(2).find(|pair| pair[1].1 < 1.5 * pair[0].1);
    flat.map_or_else(|| format!("beyond {}", CORES[CORES.len() - 1]), |pair| pair[0].0.to_string())
}

/// The text, and the pictures in the folder `docs`.
pub fn report(docs: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let base = Base::measure();
    if !base.is_complete() {
        return Ok(
            "Not simulated: no two cores were undisturbed for long enough to measure what the model starts from."
                .to_owned(),
        );
    }
    let transfer = base.transfer();
    let kept = base.gains.iter().map(|gain| gain.gain.0.len()).min().unwrap_or(0);
    let mut text = format!(
        "A line travels from one core to the other in {} ns ({} rounds; of the workloads {kept} rounds or more).\n\n",
        spread(&base.transfer.0),
        base.transfer.0.len()
    );

    let header = ["two cores against one", "alone, ns", "measured", "the model"];
    let mut held = table(header.map(str::to_owned));
    for gain in &base.gains {
        let one = base.throughput(gain.workload, 1, 1, transfer);
        let model = base.throughput(gain.workload, 2, 1, transfer) / one;
        held.add_row([gain.workload.name(), &spread(&gain.alone.0), &spread(&gain.gain.0), &format!("{model:.2}")]);
    }
    text += &format!("{held}\n\n");

    let header = ["throughput against one core: cores"].into_iter().map(str::to_owned);
    let header = header.chain(CORES.map(|cores| cores.to_string())).chain(["stops after".to_owned()]);
    let mut beyond = table(header);
    let mut row = |name: String, curve: &[(usize, f64)]| {
        let cells = curve.iter().map(|(_, gain)| format!("{gain:.1}"));
        beyond.add_row(std::iter::once(name).chain(cells).chain([knee(curve)]));
    };
    let mut curves = Vec::new();
    for workload in WORKLOADS {
        let curve = base.curve(workload, 1, transfer);
        row(workload.name().to_owned(), &curve);
        curves.push(Curve { name: workload.name().to_owned(), points: curve });
    }
    draw(&docs.join("scale-workloads.svg"), "one runtime", &curves)?;
    let mut curves = Vec::new();
    for runtimes in RUNTIMES {
        for (workload, times) in [(Workload::Mix, 1), (Workload::Mix, FARTHER), (Workload::Shared, 1)] {
            let name = format!("{}, {runtimes} runtimes", workload.name());
            let name = if times == 1 { name } else { format!("{name}, lines {times} x slower") };
            let curve = base.curve(workload, runtimes, transfer * times);
            if runtimes > 1 || times > 1 {
                row(name.clone(), &curve);
            }
            curves.push(Curve { name, points: curve });
        }
    }
    draw(&docs.join("scale-runtimes.svg"), "one runtime and several", &curves)?;
    text += &format!("{beyond}");
    Ok(text)
}
