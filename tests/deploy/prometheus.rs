//! The dashboard, the recording rules and the alerts, against a real Prometheus that scrapes a real run.

use crate::chromium::Page;
use crate::dashboard;
use crate::{read, repository};
use loadgen::{Generator, Plan, TOPICS};
use serde_json::Value;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use testkit::{DEADLINE, Instance, OwnServer, Server, World, servers};

const EVENTS: u64 = 60_000;
const EVENTS_A_SECOND: f64 = 1_500.0;
/// Alerts that this run deserves.
const DESERVED: [&str; 2] = ["SluicegateDeadLetters", "SluicegateRefusedByServer"];

/// A Prometheus, or only its tools.
struct Prometheus(OwnServer);

impl Prometheus {
    async fn start(directory: &Path, scrape: &[(&str, u16)]) -> Self {
        let home = directory.join("prometheus");
        std::fs::create_dir_all(&home).unwrap();
        // A test does not wait for minutes.
        let alerts = read("deploy/prometheus/alerts.yml");
        let alerts: Vec<String> = alerts
            .lines()
            .map(|line| match line.trim_start().strip_prefix("for: ") {
                Some(minutes) => line.replace(minutes, "1s"),
                None => line.to_owned(),
            })
            .collect();
        std::fs::write(home.join("alerts.yml"), alerts.join("\n")).unwrap();
        std::fs::copy(repository("deploy/prometheus/recording.yml"), home.join("recording.yml"))
            .unwrap();
        let jobs: Vec<String> = scrape
            .iter()
            .map(|(job, port)| {
                format!(
                    "- {{ job_name: {job}, static_configs: [ {{ targets: ['127.0.0.1:{port}'] }} ] }}\n"
                )
            })
            .collect();
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             rule_files: [recording.yml, alerts.yml]\nscrape_configs:\n{}",
            jobs.concat()
        );
        std::fs::write(home.join("prometheus.yml"), config).unwrap();
        Self(OwnServer::start("prometheus", directory, |_| {}).await)
    }

    /// What its API gives.
    fn api(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let url = format!("http://127.0.0.1:{}/api/v1/{path}", self.0.port);
        let mut request = ureq::get(&url).config().http_status_as_error(false).build();
        for (name, value) in query {
            request = request.query(name, value);
        }
        let text = request.call().unwrap().body_mut().read_to_string().unwrap();
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["status"], "success", "{query:?}: {text}");
        answer["data"].take()
    }

    /// Whether an expression gives anything; it must be one.
    fn has(&self, expression: &str) -> bool {
        let data = self.api("query", &[("query", expression)]);
        !data["result"].as_array().unwrap().is_empty()
    }

    /// The series of an expression since some time, in steps of a second.
    fn range(&self, expression: &str, since: SystemTime) -> Vec<Value> {
        let unix = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
        let (start, end) = (unix(since), unix(SystemTime::now()));
        let query = [("query", expression), ("start", &start), ("end", &end), ("step", "1")];
        self.api("query_range", &query)["result"].as_array().unwrap().clone()
    }

    /// The names of the alerts that fire.
    fn firing(&self) -> BTreeSet<String> {
        let data = self.api("alerts", &[]);
        let alerts = data["alerts"].as_array().unwrap();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        firing.map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until all these expressions give something.
    async fn until(&self, expressions: &BTreeSet<String>) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let empty: Vec<&String> =
                expressions.iter().filter(|expression| !self.has(expression)).collect();
            if empty.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "these give nothing: {empty:#?}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// The names of rules of a kind (`alert` or `record`) in a rule file.
fn names(file: &str, kind: &str) -> BTreeSet<String> {
    let marker = format!("- {kind}: ");
    read(file)
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix(&marker))
        .map(str::to_owned)
        .collect()
}

/// The metrics that a rule file speaks of.
fn metrics(file: &str) -> BTreeSet<String> {
    let text = read(file);
    let expressions =
        text.lines().filter(|line| !line.trim_start().starts_with('#')).filter(|line| {
            !["summary", "description", "runbook_url"]
                .iter()
                .any(|key| line.contains(&format!("{key}:")))
        });
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    expressions
        .flat_map(|line| line.split(|c| !is_name(c)))
        .filter(|word| {
            word.starts_with("sluicegate_")
                || word.starts_with("process_")
                || word.contains(":sluicegate_")
        })
        .filter(|word| !word.ends_with(':') && !word.ends_with("_rates"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn every_alert_fires_when_it_should() {
    if !servers::install("prometheus") {
        return;
    }
    let tests = repository("deploy/prometheus/alerts_test.yml");
    let mut promtool = servers::command("prometheus", "promtool", Path::new("/"));
    promtool.args(["test", "rules"]).arg(tests);
    servers::succeed(promtool).await;
    let mut check = servers::command("prometheus", "promtool", Path::new("/"));
    check.args(["check", "config"]).arg(repository("deploy/prometheus/prometheus.yml"));
    servers::succeed(check).await;
    // None is left out, and each has its section for who is on call.
    let (tests, operating) = (read("deploy/prometheus/alerts_test.yml"), read("docs/operating.md"));
    let alerts = read("deploy/prometheus/alerts.yml");
    for alert in names("deploy/prometheus/alerts.yml", "alert") {
        assert!(tests.contains(&format!("ALERTS{{alertname=\"{alert}\"")), "{alert} has no test");
        assert!(operating.contains(&format!("\n### {alert}\n")), "{alert} has no runbook");
        let link = format!("docs/operating.md#{}\"", alert.to_lowercase());
        assert!(alerts.contains(&link), "{alert} does not link to its runbook");
    }
}

/// So that there is a retry.
async fn kill_a_connection(world: &World, admin: &mut MySqlConnection) {
    let mut killed = 0;
    let deadline = Instant::now() + DEADLINE;
    while killed == 0 {
        assert!(Instant::now() < deadline, "no connection of the instance was seen");
        let select = format!(
            "SELECT CAST(PROCESSLIST_ID AS SIGNED) FROM performance_schema.threads \
             WHERE PROCESSLIST_DB = '{}' AND PROCESSLIST_ID <> CONNECTION_ID()",
            world.database
        );
        let ids: Vec<i64> =
            sqlx::query_scalar(AssertSqlSafe(select)).fetch_all(&mut *admin).await.unwrap();
        for id in ids {
            killed += usize::from(admin.execute(AssertSqlSafe(format!("KILL {id}"))).await.is_ok());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_expression_gives_data_of_a_run() {
    if !servers::install("prometheus") {
        return;
    }
    let Some(mut world) = World::new(Server::MySql) else { return };
    world.create_topics(&TOPICS, 2).await;
    world.succeed(&["migrate"]);
    let mut admin = world.connect().await;
    // What the mapping does not know of.
    let constraint = "ALTER TABLE order_events ADD CHECK (event_type <> 'order.cancelled')";
    admin.execute(constraint).await.unwrap();

    let directory = servers::directory("prometheus");
    let address = world.url.strip_prefix("mysql://").unwrap().replacen('@', "@(", 1) + ")/";
    let exporter = OwnServer::start("mysqld-exporter", &directory, |command| {
        command.env("DATA_SOURCE_NAME", &address);
    })
    .await;
    let begun = SystemTime::now();
    world.serve_http();
    let instance = Instance::ready(&world);
    let scrape = [("sluicegate", instance.port()), ("mysqld", exporter.port)];
    let prometheus = Prometheus::start(&directory, &scrape).await;

    let plan = Plan { events: EVENTS, poison: 0.01, ..Plan::default() };
    let producing = world.stream(Generator::new(plan).collect(), EVENTS_A_SECOND);
    kill_a_connection(&world, &mut admin).await;

    let panels = dashboard::panels();
    let queries = panels.iter().flat_map(|panel| &panel.queries);
    let mut expected: BTreeSet<String> = queries.map(|query| query.expression.clone()).collect();
    expected.extend(dashboard::variables());
    expected.extend(names("deploy/prometheus/recording.yml", "record"));
    expected.extend(metrics("deploy/prometheus/alerts.yml"));
    prometheus.until(&expected).await;
    let deserved: BTreeSet<String> = DESERVED.map(str::to_owned).into();
    let deadline = Instant::now() + DEADLINE;
    while !prometheus.firing().is_superset(&deserved) {
        assert!(Instant::now() < deadline, "only these fire: {:?}", prometheus.firing());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    producing.await.unwrap();
    let picture = dashboard::page(&panels, |expression| prometheus.range(expression, begun));
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboard.html");
    std::fs::write(&file, picture).unwrap();
    if servers::install("chromium") {
        let mut page = Page::open(&format!("file://{}", file.display()));
        page.show((1400, 900), "light");
        page.screenshot(&file.with_extension("png"));
    }
    instance.stop();
    while !prometheus.firing().contains("SluicegateDown") {
        assert!(Instant::now() < deadline + DEADLINE, "only these fire: {:?}", prometheus.firing());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    world.end().await;
}
