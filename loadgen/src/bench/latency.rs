//! How long it takes from the time when an event should be sent until its row can be read.
//!
//! Events go out on a schedule. Some of them are marks: logins with a time long before all others, so that the server
//! finds those that are not seen yet at one place of the table's key. They are asked for every few milliseconds. A mark
//! that is late because the producer, the broker or anything else was busy is late all the same: its time runs from
//! the schedule.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use loadgen::kafka::{self, Produced, Target};
use loadgen::{Generator, Kind, Message, Plan};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor as _};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::Bench;
use super::server::text;
use super::sluice::Work;

/// How long the producer collects what goes into one request, at a rate. With a shorter time it makes a request of
/// nearly every event, and it and the broker take the time of those that are measured.
const LINGER_MS: &str = "50";
/// How exact a latency is: one is too long by this and a query at most.
const ASK_EVERY: Duration = Duration::from_millis(10);
/// How long the rows of the last events may take.
const LAST_WAIT: Duration = Duration::from_secs(60);
/// About how many marks there are, unless every event is one.
const MARKS: u64 = 3_000;
/// No rarer than this.
const MARK_EVERY_MAX: u64 = 100;
/// The producer's first messages wait for its connection, and are not counted.
const WARM_UP_SECONDS: u32 = 2;
/// An idle system: each event is long visible when the next one comes.
const IDLE_PER_SECOND: f64 = 2.0;
const IDLE_SECONDS: u32 = 15;
const STARTS: u32 = 3;
const MARKS_AT_START: u64 = 10;

/// Events on a schedule, some of them marks.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    per_second: f64,
    events: u64,
    /// Every so many events is a mark, the first one too.
    mark_every: u64,
    /// Number of the first mark.
    first: u64,
}

/// Where marks are sent, and looked for.
struct Probe {
    connection: MySqlConnection,
    target: Target,
    plan: Plan,
    /// Marks so far.
    marks: u64,
}

impl Bench {
    /// Start-up, latency of an idle system, and latency at a rate.
    pub(super) async fn measure_latency(&mut self, per_second: f64) -> Result<()> {
        let prefix = format!("{}.latency.", self.name);
        let work = self.new_work(&prefix).await?;
        let mut target = self.target(&prefix);
        let partitions = self.args.partitions;
        let topics = target.clone();
        tokio::task::spawn_blocking(move || kafka::create_topics(&topics, partitions)).await??;
        // What comes now and then goes at once.
        target.properties = vec![("linger.ms".to_owned(), "0".to_owned())];
        let plan = Plan { events: 0, ..self.args.plan() };
        let connection = self.server.connect_to(&work.database).await?;
        let mut probe = Probe { connection, target, plan, marks: 0 };
        self.server_at_rest().await?;

        // From now on the broker knows the group.
        let schedule = probe.marks_alone();
        probe.send(schedule).await??;
        self.sluicegate.load(&work, 1).await?;
        self.step("from the start to the first row");
        for _ in 0..STARTS {
            self.measure_start(&work, &mut probe).await?;
        }
        let running = self.sluicegate.start(&work, &[])?;
        let measured = self.measure_running(&mut probe, per_second).await;
        // If it has failed, that is the reason.
        running.stop().await.and(measured)
    }

    /// From the start of the process to the first of a few rows that wait for it.
    async fn measure_start(&mut self, work: &Work, probe: &mut Probe) -> Result<()> {
        let schedule = probe.marks_alone();
        probe.send(schedule).await??;
        let running = self.sluicegate.start(work, &[])?;
        let seen = probe.see(schedule, |_| running.started(), None).await;
        running.stop().await?;
        let first = seen?.into_iter().reduce(f64::min).context("no mark was sent")?;
        self.figures.add("start_to_first_row_ms", first);
        self.tell(format!("started, first row after {first:.0} ms"));
        Ok(())
    }

    async fn measure_running(&mut self, probe: &mut Probe, per_second: f64) -> Result<()> {
        self.step("latency of an idle system");
        let seconds = IDLE_SECONDS + WARM_UP_SECONDS;
        let idle = probe.schedule(IDLE_PER_SECOND, seconds, 1);
        let (mut latencies, _) = probe.measure(idle).await?;
        self.add_latencies("idle_latency", &mut latencies);

        self.step(format!("latency at {per_second:.0} events a second"));
        probe.target.properties = vec![("linger.ms".to_owned(), LINGER_MS.to_owned())];
        let seconds = self.args.rate_seconds + WARM_UP_SECONDS;
        let mark_every = (per_second * f64::from(seconds)) as u64 / MARKS;
        let schedule = probe.schedule(per_second, seconds, mark_every.clamp(1, MARK_EVERY_MAX));
        let (mut latencies, produced) = probe.measure(schedule).await?;
        self.figures.add("latency_events_per_second", per_second);
        let sent_per_second = produced.messages as f64 / produced.elapsed.as_secs_f64();
        self.figures.add("latency_events_sent_per_second", sent_per_second);
        self.add_latencies("latency", &mut latencies);
        Ok(())
    }

    fn add_latencies(&mut self, name: &str, latencies: &mut [f64]) {
        latencies.sort_by(f64::total_cmp);
        self.figures.add(&format!("{name}_marks"), latencies.len() as f64);
        for (suffix, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)] {
            if let Some(value) = percentile(latencies, share) {
                self.figures.add(&format!("{name}_{suffix}_ms"), value);
            }
        }
    }
}

impl Probe {
    fn schedule(&mut self, per_second: f64, seconds: u32, mark_every: u64) -> Schedule {
        let events = (per_second * f64::from(seconds)) as u64;
        let schedule = Schedule { per_second, events, mark_every, first: self.marks };
        self.marks += schedule.marks();
        schedule
    }

    /// A few marks at once.
    fn marks_alone(&mut self) -> Schedule {
        let schedule = Schedule {
            per_second: f64::INFINITY,
            events: MARKS_AT_START,
            mark_every: 1,
            first: self.marks,
        };
        self.marks += schedule.marks();
        schedule
    }

    /// Sends events and gives the latencies of those marks that come after the first moments, in milliseconds.
    async fn measure(&mut self, schedule: Schedule) -> Result<(Vec<f64>, Produced)> {
        let origin = Arc::new(OnceLock::new());
        let sending = self.send_from(schedule, Arc::clone(&origin));
        // Nothing is seen before something is sent.
        let due =
            |mark| origin.get().map_or_else(Instant::now, |origin| *origin + schedule.due(mark));
        let latencies = self.see(schedule, due, Some(&sending)).await?;
        let warm_up = (schedule.per_second * f64::from(WARM_UP_SECONDS)) as u64;
        let skipped = warm_up.div_ceil(schedule.mark_every) as usize;
        Ok((latencies[skipped.min(latencies.len())..].to_vec(), sending.await??))
    }

    fn send(&self, schedule: Schedule) -> JoinHandle<Result<Produced, kafka::Error>> {
        self.send_from(schedule, Arc::default())
    }

    /// Sends events; `origin` becomes the time of the first.
    fn send_from(
        &self,
        schedule: Schedule,
        origin: Arc<OnceLock<Instant>>,
    ) -> JoinHandle<Result<Produced, kafka::Error>> {
        let (target, mut others) = (self.target.clone(), Generator::new(self.plan.clone()));
        let messages = (0..schedule.events).map_while(move |event| {
            // The producer asks for the first message when its own clock starts.
            origin.get_or_init(Instant::now);
            match schedule.mark_at(event) {
                Some(mark) => Some(message(mark)),
                None => others.next(),
            }
        });
        let rate = Some(schedule.per_second).filter(|rate| rate.is_finite());
        tokio::task::spawn_blocking(move || kafka::produce(&target, messages, rate, |_| {}))
    }

    /// Waits until all marks of a schedule can be read. Gives the milliseconds from when each was due, in the order of
    /// the marks.
    async fn see(
        &mut self,
        schedule: Schedule,
        due: impl Fn(u64) -> Instant,
        sending: Option<&JoinHandle<Result<Produced, kafka::Error>>>,
    ) -> Result<Vec<f64>> {
        let mut pending: BTreeSet<u64> =
            (schedule.first..schedule.first + schedule.marks()).collect();
        let mut latencies = vec![0.0; pending.len()];
        let mut asks = tokio::time::interval(ASK_EVERY);
        asks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut deadline = Instant::now() + LAST_WAIT;
        while let Some(oldest) = pending.first() {
            asks.tick().await;
            let visible = self.visible_from(*oldest).await?;
            let now = Instant::now();
            for mark in visible {
                if pending.remove(&mark) {
                    let latency = now.saturating_duration_since(due(mark));
                    latencies[(mark - schedule.first) as usize] = latency.as_secs_f64() * 1e3;
                }
            }
            if sending.is_some_and(|sending| !sending.is_finished()) {
                deadline = now + LAST_WAIT;
            } else if now > deadline {
                bail!("{} marks cannot be read {LAST_WAIT:?} after they were sent", pending.len());
            }
        }
        Ok(latencies)
    }

    /// The marks from `oldest` on that can be read.
    async fn visible_from(&mut self, oldest: u64) -> Result<Vec<u64>> {
        // Only the key (event_timestamp, event_id) is read.
        let select = format!(
            "SELECT event_id FROM user_logins \
             WHERE event_timestamp >= '{}' AND event_timestamp < '2002-01-01'",
            time(oldest)
        );
        let rows = self.connection.fetch_all(AssertSqlSafe(select)).await?;
        let number = |id: &str| id.strip_prefix("mark-").and_then(|number| number.parse().ok());
        Ok(rows.iter().filter_map(|row| number(&text(row, 0))).collect())
    }
}

impl Schedule {
    fn marks(&self) -> u64 {
        self.events.div_ceil(self.mark_every)
    }

    fn mark_at(&self, event: u64) -> Option<u64> {
        event.is_multiple_of(self.mark_every).then_some(self.first + event / self.mark_every)
    }

    /// When a mark should be sent, from the first event on.
    fn due(&self, mark: u64) -> Duration {
        let event = (mark - self.first) * self.mark_every;
        Duration::from_secs_f64(event as f64 / self.per_second)
    }
}

/// A mark's own microsecond of the year 2001.
fn time(mark: u64) -> String {
    format!("2001-01-01T00:00:{:02}.{:06}", mark / 1_000_000, mark % 1_000_000)
}

/// A login; its entity id decides the partition, a different one each time.
fn message(mark: u64) -> Message {
    let id = format!("{mark:024x}");
    let value = format!(
        r#"{{"event_type":"user.login","event_id":"mark-{mark}","timestamp":"{}","entity_id":"{id}","data":{{"email":"mark@example.com","role":"consumer","ip_address":"127.0.0.1"}}}}"#,
        time(mark)
    );
    Message {
        topic: "user".into(),
        key: Some(id.into_bytes()),
        value: Some(value.into_bytes()),
        kind: Kind::Valid,
    }
}

/// The smallest value that is not exceeded by this share of the sorted values.
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let sorted: Vec<f64> = (1..=200).map(f64::from).collect();
        let found = [0.5, 0.9, 0.99, 1.0].map(|share| percentile(&sorted, share).unwrap());
        assert_eq!(found, [100.0, 180.0, 198.0, 200.0]);
        assert_eq!(percentile(&[7.0], 0.99), Some(7.0));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn marks_are_due_when_their_event_is() {
        let schedule = Schedule { per_second: 1_000.0, events: 201, mark_every: 100, first: 40 };
        assert_eq!(schedule.marks(), 3);
        let marks: Vec<_> = (0..201).filter_map(|event| schedule.mark_at(event)).collect();
        assert_eq!(marks, [40, 41, 42]);
        assert_eq!(schedule.due(42), Duration::from_millis(200));
        assert_eq!(time(1_000_007), "2001-01-01T00:00:01.000007");
    }
}
