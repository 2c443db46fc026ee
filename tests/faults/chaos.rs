//! The chaos run: three instances under load, and three lanes of faults at the same time, one for
//! the database server, one for Kafka, one for the instances themselves. At the end the tables
//! must be what the reference fold gives for everything that was sent.
//!
//! `make chaos MINUTES=30 SERVER=mysql SEED=1` runs it for long; `make test` runs each kind once.

use crate::chance::Chance;
use crate::fault::Fault;
use crate::inject::{Ground, Injected};
use crate::report::{Injection, Report};
use crate::site::{Site, Wants};
use crate::stage::{Cast, Outcome, Stage};
use crate::support::{DEADLINE, Server};
use loadgen::TOPICS;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const INSTANCES: usize = 3;
const EVENTS_PER_SECOND: f64 = 200.0;
/// Topics that are created one by one during the run; other faults need users and communities.
const MISSING: &[&str] = &["supplier", "order", "post", "product", "promotion"];
const MISSING_SHORT: &[&str] = &["supplier", "promotion"];
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
struct Form {
    server: Server,
    seed: u64,
    /// `None` for the short form: each kind once, for a moment.
    minutes: Option<u64>,
    /// Where the logs of the instances go; removed when all is well.
    logs: PathBuf,
}

/// What the lanes know of each other.
#[derive(Default)]
struct Board {
    injections: Mutex<Vec<Injection>>,
    problems: Mutex<Vec<String>>,
}

impl Board {
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

fn variable(name: &str) -> Option<String> {
    std::env::var(format!("SLUICEGATE_CHAOS_{name}")).ok().filter(|value| !value.is_empty())
}

impl Form {
    /// From the environment; `None` if the run is about another server.
    fn of(server: Server) -> Option<Self> {
        if variable("SERVER").is_some_and(|name| name != server.name()) {
            return None;
        }
        let number = |name| variable(name).map(|value| value.parse().expect("a number"));
        let any = || std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
        let seed = number("SEED").unwrap_or_else(|| any() % 1_000_000);
        let name = format!("chaos-{}-{seed}", server.name());
        let logs = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        Some(Self { server, seed, minutes: number("MINUTES"), logs })
    }
}

async fn check(server: Server) {
    let Some(form) = Form::of(server) else { return };
    let wants = Wants { broker: true, disk: true };
    let Some(site) = Site::start(server, wants).await else { return };
    let (server, seed) = (server.name(), form.seed);
    eprintln!("chaos: {server}, seed {seed}; the logs are in {}", form.logs.display());
    let report = run(&form, Arc::new(site)).await;
    eprintln!("{report}");
    if let Some(file) = variable("REPORT") {
        let before = std::fs::read_to_string(&file).unwrap_or_default();
        std::fs::write(&file, format!("{before}{report}\n")).unwrap();
    }
    assert!(
        report.is_fine(),
        "chaos: see the report above; the logs are in {}",
        form.logs.display()
    );
    std::fs::remove_dir_all(&form.logs).unwrap();
}

async fn run(form: &Form, site: Arc<Site>) -> Report {
    let (server, has_disk) = (form.server.name(), site.has_disk);
    let missing = if form.minutes.is_some() { MISSING } else { MISSING_SHORT };
    let cast = Cast {
        instances: INSTANCES,
        seed: form.seed,
        events_per_second: EVENTS_PER_SECOND,
        topics: &TOPICS.into_iter().filter(|topic| !missing.contains(topic)).collect::<Vec<_>>(),
        is_short: form.minutes.is_none(),
        logs: form.logs.clone(),
    };
    let stage = Stage::start(site, cast).await;
    let board = Board::default();
    let started = Instant::now();
    recovered("the start", &stage, &board).await;

    let lane = |kinds, number| lane(kinds, form, &stage, &board, number);
    tokio::join!(lane(&Fault::SERVER, 1), lane(&Fault::BROKER, 2), lane(&Fault::INSTANCE, 3));

    let Outcome { messages, seen, differences, problems, .. } = stage.end().await;
    let kinds = [&Fault::SERVER[..], &Fault::BROKER, &Fault::INSTANCE].concat();
    Report {
        seed: form.seed,
        server,
        minutes: form.minutes,
        took: started.elapsed(),
        messages,
        kinds: kinds.into_iter().filter(|kind| *kind != Fault::DiskFull || has_disk).collect(),
        least: form.minutes.map_or(1, |minutes| minutes / MINUTES_PER_INJECTION),
        topics_to_create: missing.len() as u64,
        injections: board.injections.into_inner().unwrap(),
        seen,
        differences,
        problems: [board.problems.into_inner().unwrap(), problems].concat(),
    }
}

/// Rounds of all kinds, each round in an order of its own, until the time is over.
async fn lane(kinds: &[Fault], form: &Form, stage: &Stage, board: &Board, number: u64) {
    let mut chance = Chance::new(form.seed ^ number << 32);
    let end = form.minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
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
            if stage.ground.allows(fault).await {
                once(fault, is_short, &stage.ground, &mut chance, board, kinds).await;
                if !recovered(fault.name(), stage, board).await {
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
    is_short: bool,
    ground: &Ground,
    chance: &mut Chance,
    board: &Board,
    lane: &[Fault],
) {
    let from = Instant::now();
    let index = {
        let mut injections = board.injections.lock().unwrap();
        injections.push(Injection { fault, from, healed: None });
        injections.len() - 1
    };
    let mut injected: Injected = ground.inject(fault, chance).await;
    tokio::time::sleep(fault.lasts(is_short, chance)).await;
    ground.heal(&mut injected).await;
    let healed = Instant::now();
    match injected.ended {
        Some(Ok(status)) if status.success() => {}
        Some(Ok(status)) if board.others_since(lane, from) => {
            eprintln!("chaos: {}: {status}, with another fault in the way", fault.name());
        }
        Some(other) => board.problem(format!("{}: {other:?}", fault.name())),
        None => {}
    }
    board.injections.lock().unwrap()[index].healed = Some(healed);
}

/// Waits until rows become durable again, and tells whether they did.
async fn recovered(after: &str, stage: &Stage, board: &Board) -> bool {
    let (rows, deadline) = (stage.watch.rows(), Instant::now() + DEADLINE);
    while stage.watch.rows() == rows {
        if Instant::now() > deadline {
            board.problem(format!("no row became durable within {DEADLINE:?} after {after}"));
            return false;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn mysql() {
    check(Server::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn mariadb() {
    check(Server::MariaDb).await;
}
