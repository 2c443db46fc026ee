//! `loadgen bench`: sluicegate against the server's own bulk loader, with the same rows on the same server.
//!
//! The modules, in the order in which things happen:
//!
//! * `args` – what is asked for; `server` – the database server; `sluice` – sluicegate as a process;
//! * `rounds` – sluicegate and `LOAD DATA` in turn: `tsv` writes the files, `load` loads them;
//! * `latency` – from an event's intended send time to its row; `growth` – the last million rows and the first;
//! * `process`, `scrape` – what is seen of a process from outside;
//! * `report` – figures as table and JSON, and two results side by side.

mod args;
mod growth;
mod latency;
mod load;
mod process;
mod report;
mod rounds;
mod scrape;
mod server;
mod sluice;
mod tsv;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use loadgen::kafka::{self, Target};
use loadgen::{Generator, Plan};
use serde_json::Value;

pub(crate) use args::BenchArgs;
use args::{BenchCommand, Rate};
use load::Client;
use report::{Figures, Report};
use server::{Address, Server};
use sluice::{Sluicegate, Work};

/// Slow enough not to be seen in what is measured.
const SPINNER_EVERY: Duration = Duration::from_millis(500);

/// Everything that a measurement needs.
struct Bench {
    args: BenchArgs,
    server: Server,
    sluicegate: Sluicegate,
    client: Client,
    /// Connections that write.
    writers: u32,
    /// What the names of its databases, topics and groups begin with.
    name: String,
    /// Databases, topics and groups so far.
    works: Vec<Work>,
    about: BTreeMap<String, Value>,
    figures: Figures,
    bar: ProgressBar,
}

/// Messages that are in Kafka.
#[derive(Clone, Copy, Debug)]
struct Backlog {
    messages: u64,
    /// Of values alone.
    bytes: u64,
}

/// Measures, or compares two results.
pub(crate) fn run(args: BenchArgs) -> Result<()> {
    if let Some(BenchCommand::Compare { before, after }) = &args.command {
        return print(&Report::read(before)?.compare(&Report::read(after)?));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let mut bench = Bench::new(args).await?;
        let measured = tokio::select! {
            measured = bench.measure() => measured,
            _ = tokio::signal::ctrl_c() => {
                bench.tell("Ctrl-C: its databases and topics are dropped");
                Err(anyhow!("interrupted"))
            }
        };
        let cleaned = bench.clean_up().await;
        measured.and(cleaned)
    });
    // Interrupted, it may still produce.
    runtime.shutdown_background();
    result
}

impl Bench {
    async fn new(args: BenchArgs) -> Result<Self> {
        let address = Address::parse(&args.url()?)?;
        let sluicegate = Sluicegate {
            path: args.sluicegate()?,
            server: address.clone(),
            kafka: args.kafka()?,
            settings: args.settings(),
        };
        let writers = sluicegate.writers().await?;
        let client = Client {
            kind: args.server,
            command: args.client(),
            address: address.clone(),
            tls: args.tls,
        };
        let server = Server::connect(args.server, address).await?;
        if !server.is_local() {
            eprintln!("the server does not run on this machine: its CPU time is left out");
        }
        let about = about(&args, &server, &sluicegate, writers).await?;
        let name = format!("sluicegate_bench_{}", std::process::id());
        let (works, figures, bar) = (Vec::new(), Figures::default(), spinner());
        Ok(Self { args, server, sluicegate, client, writers, name, works, about, figures, bar })
    }

    async fn measure(&mut self) -> Result<()> {
        if self.args.rounds > 0 {
            self.measure_rounds().await?;
        }
        if let Some(rate) = self.args.rate {
            let peak = self.figures.median("events_per_second");
            let rate = match rate {
                Rate::PerSecond(rate) => rate,
                Rate::HalfOfPeak => {
                    peak.context("half of what? Give --rate R, or --rounds of at least 1")? / 2.0
                }
            };
            self.measure_latency(rate).await?;
        }
        if let Some(millions) = self.args.growth {
            self.measure_growth(millions).await?;
        }
        self.bar.finish_and_clear();
        let report = Report { about: self.about.clone(), figures: self.figures.clone() };
        if let Some(file) = &self.args.json {
            report.write(file)?;
        }
        print(&report.figures.table())
    }

    /// What is measured now, for who looks at a terminal.
    fn step(&self, what: impl Into<Cow<'static, str>>) {
        self.bar.set_message(what);
    }

    /// A line that stays.
    fn tell(&self, what: impl std::fmt::Display) {
        self.bar.suspend(|| eprintln!("{what}"));
    }

    /// A database with empty tables, and a group that has read nothing, for the topics of `topic_prefix`.
    async fn new_work(&mut self, topic_prefix: &str) -> Result<Work> {
        let database = format!("{}_{}", self.name, self.works.len());
        let work =
            Work { group: database.clone(), database, topic_prefix: topic_prefix.to_owned() };
        self.works.push(work.clone());
        self.sluicegate.migrate(&work).await?;
        Ok(work)
    }

    async fn server_at_rest(&mut self) -> Result<()> {
        self.server.rest(Duration::from_secs(self.args.rest_seconds)).await
    }

    fn target(&self, topic_prefix: &str) -> Target {
        Target {
            bootstrap_servers: self.sluicegate.kafka.clone(),
            topic_prefix: topic_prefix.to_owned(),
            ..Target::default()
        }
    }

    /// Makes topics with these events in them.
    async fn produce(&self, topic_prefix: &str, plan: Plan) -> Result<Backlog> {
        self.step("making events up, into Kafka");
        let (target, partitions) = (self.target(topic_prefix), self.args.partitions);
        let produce = move || {
            kafka::create_topics(&target, partitions)?;
            let mut backlog = Backlog { messages: 0, bytes: 0 };
            let messages = Generator::new(plan).inspect(|message| {
                backlog.messages += 1;
                backlog.bytes += message.value.as_ref().map_or(0, Vec::len) as u64;
            });
            kafka::produce(&target, messages, None, |_| {})?;
            anyhow::Ok(backlog)
        };
        let backlog = tokio::task::spawn_blocking(produce).await??;
        self.tell(format!(
            "{} messages, {:.1} MB, are in Kafka",
            backlog.messages,
            backlog.bytes as f64 / 1e6
        ));
        Ok(backlog)
    }

    /// Drops what it made, on a connection of its own: the other may be in the middle of something.
    async fn clean_up(self) -> Result<()> {
        let mut server = Server::connect(self.server.kind, self.server.address.clone()).await?;
        for work in &self.works {
            server.drop_database(&work.database).await?;
        }
        server.close().await;
        let mut prefixes: Vec<_> = self.works.iter().map(|work| &work.topic_prefix).collect();
        prefixes.dedup();
        let targets: Vec<_> = prefixes.into_iter().map(|prefix| self.target(prefix)).collect();
        tokio::task::spawn_blocking(move || targets.iter().try_for_each(kafka::delete_topics))
            .await??;
        Ok(())
    }
}

/// What is measured and for how long, on a terminal only.
fn spinner() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
    let bar = ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(SPINNER_EVERY);
    bar
}

/// What it is measured with and on.
async fn about(
    args: &BenchArgs,
    server: &Server,
    sluicegate: &Sluicegate,
    writers: u32,
) -> Result<BTreeMap<String, Value>> {
    let mut about: BTreeMap<String, Value> = serde_json::from_value(serde_json::to_value(args)?)?;
    about.insert("server_version".to_owned(), server.version.clone().into());
    about.insert("sluicegate_version".to_owned(), sluicegate.version().await?.into());
    about.insert("writers".to_owned(), writers.into());
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    about.insert("machine_cpus".to_owned(), cpus.into());
    if let Some(cpu) = process::cpu_model() {
        about.insert("machine_cpu".to_owned(), cpu.into());
    }
    Ok(about)
}

fn print(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("cannot write to standard output")
}
