//! What can be seen from outside while things go wrong: rows that became durable, attempts that
//! were repeated, instances that ended.

use crate::own_servers::Servers;
use crate::service::Service;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(200);
/// A pause between two durable batches that is worth a word.
const STALL: Duration = Duration::from_millis(600);
const WENT_BACK: &str = "sluicegate_flush_database_went_back_total";

/// Looks at all instances five times a second.
pub struct Watch {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What was seen so far, over all instances and their restarts.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub rows: u64,
    /// By class.
    pub retries: BTreeMap<String, u64>,
    /// How often an instance found that the database went back in time.
    pub went_back: u64,
    /// Times without a durable row.
    pub stalls: Vec<(Instant, Instant)>,
    /// Instances that ended by themselves.
    pub ended: Vec<String>,
}

impl Watch {
    /// What ends by itself is started again, as it would be in production.
    pub fn start(servers: Arc<Servers>, services: Arc<Vec<Service>>) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut look = Look::default();
            while !stopped.load(Ordering::Relaxed) {
                look.once(&servers, &services, &shared);
                std::thread::sleep(EVERY);
            }
        });
        Self { seen, stop, thread: Some(thread) }
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    pub fn rows(&self) -> u64 {
        self.seen.lock().unwrap().rows
    }

    pub fn stop(self) -> Seen {
        let seen = Arc::clone(&self.seen);
        drop(self);
        seen.lock().unwrap().clone()
    }
}

impl Drop for Watch {
    /// Also when a test fails: nothing is to be started again then.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Counters of the process that was seen last, by instance and labels.
#[derive(Default)]
struct Look {
    counters: HashMap<(String, String), (u64, u64)>,
    last_row: Option<Instant>,
}

impl Look {
    fn once(&mut self, servers: &Servers, services: &[Service], seen: &Mutex<Seen>) {
        let (mut rows, mut went_back) = (0, 0);
        let mut retries = Vec::new();
        let mut ended = Vec::new();
        for service in services {
            if let Some(status) = service.ended_by_itself() {
                let log = service.log_text();
                let last = log.lines().rfind(|line| line.starts_with("error")).unwrap_or_default();
                ended.push(format!("{}: {status}: {last}", service.name));
                service.start(&servers.world);
            }
            let (Some(number), Some(metrics)) = (service.number(), service.metrics()) else {
                continue;
            };
            for (labels, value) in metrics.series("sluicegate_flush_rows_total") {
                rows += self.more(service, number, labels, value);
            }
            for (_, value) in metrics.series(WENT_BACK) {
                went_back += self.more(service, number, WENT_BACK, value);
            }
            for (labels, value) in metrics.series("sluicegate_flush_retries_total") {
                let class = labels.trim_matches(|c| c == '{' || c == '}').replace("class=", "");
                retries.push((class.replace('"', ""), self.more(service, number, labels, value)));
            }
        }
        let now = Instant::now();
        let mut seen = seen.lock().unwrap();
        seen.rows += rows;
        seen.went_back += went_back;
        for (class, count) in retries.into_iter().filter(|(_, count)| *count > 0) {
            *seen.retries.entry(class).or_default() += count;
        }
        seen.ended.extend(ended);
        if rows > 0 {
            let before = self.last_row.replace(now);
            seen.stalls.extend(before.filter(|before| now - *before > STALL).map(|b| (b, now)));
        }
    }

    /// By how much a counter has grown since the last look; a new process begins at 0.
    fn more(&mut self, service: &Service, number: u64, labels: &str, value: f64) -> u64 {
        let key = (service.name.clone(), labels.to_owned());
        let value = value as u64;
        match self.counters.insert(key, (number, value)) {
            Some((before, last)) if before == number => value.saturating_sub(last),
            _ => value,
        }
    }
}
