//! The command line of the generator: `loadgen generate`, `loadgen produce`, `loadgen replay`, `loadgen bench`.

mod bench;
mod cli;
mod values;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use clap::Parser as _;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use loadgen::kafka::{self, Produced, Target};
use loadgen::{Generator, Message, Plan, read_jsonl, shuffle, write_jsonl};

use cli::{Broker, Cli, Command, Replay};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    match Cli::parse().command {
        Command::Generate { plan, out } => generate(plan.plan(), &out),
        Command::Produce { plan, broker } => {
            let plan = plan.plan();
            let messages = messages_on_top(&plan);
            produce(&broker, Generator::new(plan).map(Ok), messages)
        }
        Command::Replay(replay) => self::replay(&replay),
        Command::Bench(args) => bench::run(*args),
    }
}

fn generate(plan: Plan, out: &Path) -> Result<()> {
    let to_stdout = out == Path::new("-");
    // Lines that run over the terminal say enough.
    let bar = if to_stdout && io::stdout().is_terminal() {
        ProgressBar::hidden()
    } else {
        progress_bar(messages_on_top(&plan))
    };
    let written = if to_stdout {
        write_all(plan, io::stdout().lock(), &bar)
    } else {
        let file = File::create(out).with_context(|| format!("cannot write {}", out.display()))?;
        write_all(plan, file, &bar)
    };
    bar.finish_and_clear();
    match written {
        // Whoever reads the pipe has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.with_context(|| format!("cannot write to {}", out.display())),
    }
}

fn write_all(plan: Plan, out: impl Write, bar: &ProgressBar) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, out);
    Generator::new(plan)
        .inspect(|_| bar.inc(1))
        .try_for_each(|message| write_jsonl(&mut out, &message))?;
    out.flush()
}

/// How many messages a plan gives, about; `None` without end.
fn messages_on_top(plan: &Plan) -> Option<u64> {
    let factor = 1.0 + plan.duplicates + plan.poison;
    (plan.events > 0).then_some((plan.events as f64 * factor) as u64)
}

fn replay(replay: &Replay) -> Result<()> {
    let lines = read_jsonl(open(&replay.file)?).map(|read| read.context("cannot replay"));
    let twice = if replay.double { 2 } else { 1 };
    if !replay.reverse && replay.shuffle.is_none() {
        let messages = lines.flat_map(|read| match read {
            Ok(message) => vec![message; twice].into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        });
        return produce(&replay.broker, messages, None);
    }
    let mut messages = Vec::new();
    for message in lines {
        messages.extend(vec![message?; twice]);
    }
    if replay.reverse {
        messages.reverse();
    }
    if let Some(seed) = replay.shuffle {
        shuffle(&mut messages, seed);
    }
    let count = messages.len() as u64;
    produce(&replay.broker, messages.into_iter().map(Ok), Some(count))
}

fn open(file: &Path) -> Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Box::new(BufReader::with_capacity(1 << 20, opened)))
}

/// Sends messages until they end, one cannot be read, or Ctrl-C; then says how fast it went.
fn produce(
    broker: &Broker,
    messages: impl Iterator<Item = Result<Message>>,
    count: Option<u64>,
) -> Result<()> {
    let target = Target {
        bootstrap_servers: broker.bootstrap_servers.clone(),
        topic_prefix: broker.topic_prefix.clone(),
        properties: broker.properties.clone(),
    };
    if broker.create_topics {
        kafka::create_topics(&target, broker.partitions)?;
    }
    let stop = stop_on_ctrl_c()?;
    let bar = progress_bar(count);
    let mut unreadable = None;
    let readable = messages
        .take_while(|_| !stop.load(Ordering::Relaxed))
        .map_while(|message| message.map_err(|error| unreadable = Some(error)).ok());
    let produced = kafka::produce(&target, readable, broker.rate, |sent| bar.set_position(sent));
    bar.finish_and_clear();
    report(produced?);
    unreadable.map_or(Ok(()), Err)
}

/// The first Ctrl-C lets what was sent arrive; the second ends the program.
fn stop_on_ctrl_c() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                if raised.swap(true, Ordering::Relaxed) {
                    std::process::exit(130);
                }
                let _ = writeln!(
                    io::stderr(),
                    "Ctrl-C: waiting for what was sent to arrive; press it again to stop now"
                );
            }
        });
    });
    Ok(stop)
}

/// On a terminal only.
fn progress_bar(count: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match count {
        Some(count) => (
            ProgressBar::new(count),
            "{wide_bar} {human_pos} of {human_len}, {per_sec}, {eta} to go",
        ),
        None => {
            (ProgressBar::new_spinner(), "{spinner} {human_pos} messages, {per_sec}, {elapsed}")
        }
    };
    bar.with_style(
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}

fn report(produced: Produced) {
    let seconds = produced.elapsed.as_secs_f64().max(1e-9);
    eprintln!(
        "{} messages delivered in {seconds:.1} s: {:.0} a second, {:.1} MB/s",
        HumanCount(produced.messages),
        produced.messages as f64 / seconds,
        produced.bytes as f64 / 1e6 / seconds,
    );
}
