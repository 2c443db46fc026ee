//! What the generator gives: speed, mix and sizes, to be held against the contract.
//!
//! `cargo run --release -p loadgen --example figures [-- SEED]`

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Instant;

use loadgen::{Generator, Mix, Plan};

const EVENTS: u64 = 1_000_000;

fn main() -> io::Result<()> {
    let seed = std::env::args().nth(1).and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut out = io::stdout().lock();
    for mix in [Mix::Realistic, Mix::Logins, Mix::Lifecycle] {
        let plan = Plan { seed, events: EVENTS, mix, ..Plan::default() };
        speed(&mut out, &plan)?;
    }
    sizes(&mut out, Plan { seed, events: EVENTS, ..Plan::default() })
}

fn speed(out: &mut impl Write, plan: &Plan) -> io::Result<()> {
    let started = Instant::now();
    let bytes: usize = Generator::new(plan.clone()).map(|message| message.size()).sum();
    let seconds = started.elapsed().as_secs_f64();
    let (events, megabytes) = (plan.events as f64 / seconds, bytes as f64 / 1e6 / seconds);
    let mean = bytes as f64 / plan.events as f64;
    writeln!(
        out,
        "{:9} {events:>9.0} events/s {megabytes:>6.0} MB/s, {mean:.0} bytes an event",
        plan.mix
    )
}

fn sizes(out: &mut impl Write, plan: Plan) -> io::Result<()> {
    let mut by_type: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for message in Generator::new(plan) {
        let value = message.value.unwrap_or_default();
        let event_type = value.split(|byte| *byte == b'"').nth(3).unwrap_or_default();
        by_type
            .entry(String::from_utf8_lossy(event_type).into_owned())
            .or_default()
            .push(value.len());
    }
    writeln!(
        out,
        "\n{:34} {:>7} {:>7} {:>7} {:>7}",
        "event type", "% count", "mean", "p95", "largest"
    )?;
    for (event_type, mut sizes) in by_type {
        sizes.sort_unstable();
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        let (p95, largest) = (sizes[sizes.len() * 95 / 100], sizes[sizes.len() - 1]);
        let share = 100.0 * sizes.len() as f64 / EVENTS as f64;
        writeln!(out, "{event_type:34} {share:>7.2} {mean:>7} {p95:>7} {largest:>7}")?;
    }
    Ok(())
}
