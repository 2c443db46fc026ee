//! The chaos run: three instances under load, and three lanes of faults at the same time, one for
//! the database server, one for Kafka, one for the instances themselves. At the end the tables
//! must be what the reference fold gives for everything that was sent: events of the contract's seven topics, and
//! of three topics of one's own.
//!
//! `make chaos MINUTES=30 SERVER=mysql SEED=1` runs it for long; `make test` runs each kind once.

use crate::fault::Fault;
use crate::inject::{Injected, Injector, TOPICS};
use crate::own_servers::{Servers, Wants};
use crate::report::{Injection, Report};
use crate::run::{Outcome, Run, Setup};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testkit::{Chance, DEADLINE, Server, chance, environment};

testkit::on_both_servers!(every_fault);

const INSTANCES: usize = 3;
const EVENTS_PER_SECOND: f64 = 200.0;
/// Topics that are created one by one during the run; other faults need users and communities.
const MISSING: &[&str] = &["supplier", "order", "post", "product", "promotion", "visits"];
const MISSING_SHORT: &[&str] = &["supplier", "promotion", "visits"];
/// Between two faults of a lane.
const PAUSE_MS: std::ops::Range<u64> = 300..2_000;
const PAUSE_SHORT_MS: std::ops::Range<u64> = 100..500;
/// A fault that was healed so long ago may still be in the way of stopping: pauses between
/// attempts, and the group's timeouts.
const AFTERMATH: Duration = Duration::from_secs(15);
/// One injection of each kind in so many minutes, at least.
const MINUTES_PER_INJECTION: u64 = 6;

/// How to run.
#[derive(Debug, Clone)]
struct Options {
    server: Server,
    seed: u64,
    /// `None` for the short form: each kind once, for a moment.
    minutes: Option<u64>,
    /// Where the logs of the instances go; removed when all is well.
    logs: PathBuf,
}

/// What happened so far; the lanes know of each other by it.
#[derive(Default)]
struct Journal {
    injections: Mutex<Vec<Injection>>,
    problems: Mutex<Vec<String>>,
}

impl Journal {
    /// Notes when something happened, to be read beside the logs of the instances.
    fn note(&self, logs: &Path, what: &str) {
        let now = sluicegate::datetime::format(sluicegate::clock::unix_micros());
        let line = format!("{} {what}\n", String::from_utf8_lossy(&now));
        let file = File::options().create(true).append(true).open(logs.join("faults.log"));
        file.unwrap().write_all(line.as_bytes()).unwrap();
    }

    fn problem(&self, problem: String) {
        eprintln!("chaos: {problem}");
        self.problems.lock().unwrap().push(problem);
    }

    /// Whether a fault of another lane was there since `since`, or shortly before.
    fn others_since(&self, lane: &[Fault], since: Instant) -> bool {
        let injections = self.injections.lock().unwrap();
        injections
            .iter()
            .filter(|injection| !lane.contains(&injection.fault))
            .any(|injection| injection.healed.is_none_or(|healed| healed + AFTERMATH > since))
    }
}

impl Options {
    /// From the environment; `None` if the run is about another server.
    fn of(server: Server) -> Option<Self> {
        if environment::text("SLUICEGATE_CHAOS_SERVER").is_some_and(|name| name != server.name()) {
            return None;
        }
        let seed = chance::seed("SLUICEGATE_CHAOS_SEED");
        let minutes = environment::number("SLUICEGATE_CHAOS_MINUTES");
        let name = format!("chaos-{}-{seed}", server.name());
        let logs = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        Some(Self { server, seed, minutes, logs })
    }
}

async fn every_fault(server: Server) {
    let Some(options) = Options::of(server) else { return };
    let wants = Wants { broker: true, disk: true, replicas: true };
    let Some(servers) = Servers::start(server, wants).await else { return };
    let (server, seed) = (server.name(), options.seed);
    eprintln!("chaos: {server}, seed {seed}; the logs are in {}", options.logs.display());
    let report = run(&options, Arc::new(servers)).await;
    eprintln!("{report}");
    if let Some(file) = environment::text("SLUICEGATE_CHAOS_REPORT") {
        let before = std::fs::read_to_string(&file).unwrap_or_default();
        std::fs::write(&file, format!("{before}{report}\n")).unwrap();
    }
    assert!(
        report.is_fine(),
        "chaos: see the report above; the logs are in {}",
        options.logs.display()
    );
    std::fs::remove_dir_all(&options.logs).unwrap();
}

async fn run(options: &Options, servers: Arc<Servers>) -> Report {
    let (server, has_disk) = (options.server.name(), servers.has_disk);
    let missing = if options.minutes.is_some() { MISSING } else { MISSING_SHORT };
    let setup = Setup {
        instances: INSTANCES,
        seed: options.seed,
        events_per_second: EVENTS_PER_SECOND,
        topics: &TOPICS.into_iter().filter(|topic| !missing.contains(topic)).collect::<Vec<_>>(),
        is_short: options.minutes.is_none(),
        logs: options.logs.clone(),
    };
    let run = Run::start(servers, setup).await;
    let journal = Journal::default();
    let started = Instant::now();
    recovered("the start", &run, &journal).await;

    let lane = |kinds, number| lane(kinds, options, &run, &journal, number);
    tokio::join!(lane(&Fault::SERVER, 1), lane(&Fault::BROKER, 2), lane(&Fault::INSTANCE, 3));

    let Outcome { messages, seen, differences, problems, .. } = run.end().await;
    let kinds = [&Fault::SERVER[..], &Fault::BROKER, &Fault::INSTANCE].concat();
    Report {
        seed: options.seed,
        server,
        minutes: options.minutes,
        took: started.elapsed(),
        messages,
        kinds: kinds.into_iter().filter(|kind| *kind != Fault::DiskFull || has_disk).collect(),
        least: options.minutes.map_or(1, |minutes| minutes / MINUTES_PER_INJECTION),
        topics_to_create: missing.len() as u64,
        injections: journal.injections.into_inner().unwrap(),
        seen,
        differences,
        problems: [journal.problems.into_inner().unwrap(), problems].concat(),
    }
}

/// Rounds of all kinds, each round in an order of its own, until the time is over.
async fn lane(kinds: &[Fault], options: &Options, run: &Run, journal: &Journal, number: u64) {
    let mut chance = Chance::new(options.seed ^ number << 32);
    let end = options.minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
    let is_over = || end.is_some_and(|end| Instant::now() > end);
    let is_short = end.is_none();
    loop {
        let mut round = kinds.to_vec();
        loadgen::shuffle(&mut round, chance.draw());
        for fault in round {
            if is_over() {
                return;
            }
            let pause = if is_short { PAUSE_SHORT_MS } else { PAUSE_MS };
            tokio::time::sleep(chance.milliseconds(pause)).await;
            if run.injector.allows(fault).await {
                once(fault, options, &run.injector, &mut chance, journal, kinds).await;
                if !recovered(fault.name(), run, journal).await {
                    return;
                }
            }
        }
        if is_short {
            return;
        }
    }
}

/// Lets a fault happen, lets it last, and undoes it.
async fn once(
    fault: Fault,
    options: &Options,
    injector: &Injector,
    chance: &mut Chance,
    journal: &Journal,
    lane: &[Fault],
) {
    let from = Instant::now();
    journal.note(&options.logs, &format!("{}, beginning", fault.name()));
    let index = {
        let mut injections = journal.injections.lock().unwrap();
        injections.push(Injection { fault, from, healed: None });
        injections.len() - 1
    };
    let mut injected: Injected = injector.inject(fault, chance).await;
    journal.note(&options.logs, fault.name());
    tokio::time::sleep(fault.lasts(options.minutes.is_none(), chance)).await;
    injector.heal(&mut injected).await;
    journal.note(&options.logs, &format!("{}, healed", fault.name()));
    let healed = Instant::now();
    match injected.ended {
        Some(Ok(status)) if status.success() => {}
        Some(Ok(status)) if journal.others_since(lane, from) => {
            eprintln!("chaos: {}: {status}, with another fault in the way", fault.name());
        }
        Some(other) => journal.problem(format!("{}: {other:?}", fault.name())),
        None => {}
    }
    journal.injections.lock().unwrap()[index].healed = Some(healed);
}

/// Waits until rows become durable again, and tells whether they did.
async fn recovered(after: &str, run: &Run, journal: &Journal) -> bool {
    let (rows, deadline) = (run.watch.rows(), Instant::now() + DEADLINE);
    while run.watch.rows() == rows {
        if Instant::now() > deadline {
            journal.problem(format!("no row became durable within {DEADLINE:?} after {after}"));
            return false;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    true
}
