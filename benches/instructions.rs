//! Instructions per event of decoding, flattening and statement text, compared with a baseline.
//!
//! `make instructions` builds it, as `benches/instructions.toml` says. It runs itself under
//! callgrind, once for each stage and mix of events. Takes `benches/instructions.txt` and gives a
//! table; with `renew` it writes that file. Fails if a stage needs more instructions than the
//! tolerance allows. Absent: time. That varies on a busy machine; instructions do not, so even 5 %
//! more of them show.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use anyhow::{Context, Result, bail, ensure};
use common::{EVENTS, Events, MIXES, write_all};
use sluicegate::buffer::Batch;
use sluicegate::decode::Decoder;
use sluicegate::flatten::Flattener;
use sluicegate::flush::statement::Statements;
use sluicegate::mysql::Dialect;
use sluicegate::mysql::JsonLimits;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::{env, fs};

/// How far a count may be from the baseline, as a part of it. Runs of one build differ by 0.001.
const TOLERANCE: f64 = 0.05;
const BASELINE: &str = "benches/instructions.txt";
/// How the baseline's line with the tools begins.
const WITH: &str = "# with ";
const STAGES: [&str; 3] = ["decode", "decode_flatten", "statement_text"];

fn main() -> Result<ExitCode> {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => return compare(),
        ["renew"] => renew()?,
        ["run", stage, mix] => run(stage, &Events::of(mix))?,
        _ => bail!("usage: instructions [renew]"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Every stage with every mix.
fn counts() -> impl Iterator<Item = Result<(&'static str, &'static str, f64)>> {
    let pairs = STAGES.into_iter().flat_map(|stage| MIXES.map(|mix| (stage, mix)));
    pairs.map(|(stage, mix)| Ok((stage, mix, count(stage, mix)?)))
}

fn compare() -> Result<ExitCode> {
    let baseline = fs::read_to_string(BASELINE).context(BASELINE)?;
    let (tools, tools_before) = (tools()?, baseline.lines().find_map(|l| l.strip_prefix(WITH)));
    if tools_before != Some(&tools) {
        println!("The baseline was counted with {}.", tools_before.unwrap_or("unknown tools"));
        println!("This run has {tools}. That alone may change counts.\n");
    }
    println!("stage           mix        instructions/event    baseline    ratio");
    let (mut slower, mut faster) = (Vec::new(), 0);
    for row in counts() {
        let (stage, mix, count) = row?;
        let before = counted_before(&baseline, stage, mix)?;
        let ratio = count / before;
        let remark = if ratio > 1.0 + TOLERANCE {
            slower.push(profile(stage, mix)?);
            "  slower"
        } else if ratio < 1.0 - TOLERANCE {
            faster += 1;
            "  faster"
        } else {
            ""
        };
        println!("{stage:<15} {mix:<10} {count:>18.1} {before:>11.1} {ratio:>8.3}{remark}");
    }
    let percent = TOLERANCE * 100.0;
    if faster > 0 {
        println!(
            "\n{faster} of the counts are more than {percent:.0} % below the baseline. To keep that,"
        );
        println!("run `make instructions ARGS=renew` and commit {BASELINE}.");
    }
    let Some(example) = slower.first() else { return Ok(ExitCode::SUCCESS) };
    println!("\n{} of the counts are more than {percent:.0} % above the baseline.", slower.len());
    println!("`callgrind_annotate {example}`");
    println!("shows where the instructions are; compare with an earlier commit. If you want them,");
    println!("run `make instructions ARGS=renew` and commit {BASELINE} with the reason.");
    Ok(ExitCode::FAILURE)
}

fn renew() -> Result<()> {
    let mut text = format!(
        "# Instructions per event, written by `make instructions ARGS=renew`\n{WITH}{}\n",
        tools()?
    );
    for row in counts() {
        let (stage, mix, count) = row?;
        text += &format!("{stage:<15} {mix:<10} {count:>10.1}\n");
    }
    print!("{text}");
    fs::write(BASELINE, text).context(BASELINE)
}

fn counted_before(baseline: &str, stage: &str, mix: &str) -> Result<f64> {
    let mut lines = baseline.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines
        .find_map(|line| match line[..] {
            [s, m, count] if (s, m) == (stage, mix) => count.parse().ok(),
            _ => None,
        })
        .with_context(|| format!("{BASELINE} has no count of {stage} {mix}"))
}

/// What counts depend on besides the code.
fn tools() -> Result<String> {
    let version = |program: &str, argument: &str| -> Result<String> {
        let output = Command::new(program).arg(argument).output();
        let output = output.with_context(|| format!("cannot run {program}"))?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let compiler = version("rustc", "--version")?;
    let valgrind = version("valgrind", "--version")?;
    let libc = version("getconf", "GNU_LIBC_VERSION")?;
    Ok(format!("{compiler}, {valgrind}, {libc}"))
}

/// Runs this program's `run` under callgrind and returns the instructions per event.
fn count(stage: &str, mix: &str) -> Result<f64> {
    let profile = profile(stage, mix)?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*::counted"])
        .arg(format!("--callgrind-out-file={profile}"))
        .arg(env::current_exe()?)
        .args(["run", stage, mix])
        .output()
        .context("cannot run valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{stage} {mix} failed under valgrind:\n{said}");
    let text = fs::read_to_string(&profile).context(profile)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total: f64 = total.context("callgrind's file has no total")?.parse()?;
    ensure!(total > 0.0, "callgrind has not seen the function `counted`:\n{said}");
    Ok(total / EVENTS as f64)
}

/// Where callgrind's file of a stage and mix is kept.
fn profile(stage: &str, mix: &str) -> Result<String> {
    let name = format!("callgrind.{stage}.{mix}");
    Ok(env::current_exe()?.with_file_name(name).display().to_string())
}

fn run(stage: &str, events: &Events) -> Result<()> {
    match stage {
        "decode" => decode(events),
        "decode_flatten" => decode_flatten(events),
        "statement_text" => statement_text(events),
        _ => bail!("unknown stage {stage}"),
    }
    Ok(())
}

fn decode(events: &Events) {
    let mut decoder = Decoder::default();
    warm(|| events.decode(&mut decoder));
}

fn decode_flatten(events: &Events) {
    let mut batch = Batch::new(&events.mapping);
    let mut flattener = Flattener::new(Arc::clone(&events.mapping), JsonLimits::MYSQL);
    warm(|| events.load(&mut flattener, &mut batch));
}

fn statement_text(events: &Events) {
    let mapping = &events.mapping;
    let statements = Statements::new(mapping, Dialect::MySql);
    let mut batch = Batch::new(mapping);
    events.load(&mut Flattener::new(Arc::clone(mapping), JsonLimits::MYSQL), &mut batch);
    let mut text = String::new();
    warm(|| {
        black_box(write_all(mapping, &statements, &batch, &mut text));
    });
}

/// The first round grows the buffers and is not counted; the second is like all others of a long run.
fn warm(mut round: impl FnMut()) {
    round();
    counted(&mut round);
}

/// Callgrind counts while this runs: it has to stay a function, and a single one for all stages.
#[inline(never)]
fn counted(round: &mut dyn FnMut()) {
    round();
}
