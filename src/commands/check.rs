//! `sluicegate check`: lists everything that would go wrong at the start.

use super::output::counted;
use super::{Inspected, load_mapping, progress};
use crate::config::{Config, ConfigError};
use crate::consume::Consumer;
use crate::mapping::Mapping;
use crate::migrate;
use crate::mysql::Class;
use crate::mysql::Server;
use crate::mysql::without_values;
use crate::schema;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use sqlx::mysql::MySqlConnection;

/// Said of a schema without problems.
pub const SCHEMA_FITS: &str = "schema: fits the mapping";

/// What a check found, one sentence each.
#[derive(Debug, Default)]
pub struct Findings {
    pub fine: Vec<String>,
    /// What works now, but needs attention.
    pub warnings: Vec<String>,
    /// What does not work, and how to fix it.
    pub problems: Vec<String>,
}

impl Findings {
    fn fine(&mut self, what: impl Into<String>) {
        self.fine.push(what.into());
    }

    fn problem(&mut self, what: impl Into<String>) {
        self.problems.push(what.into());
    }
}

/// Checks configuration and mapping, without a server.
#[must_use]
pub fn check_offline(config: Result<Config, Vec<ConfigError>>) -> Findings {
    let mut findings = Findings::default();
    look_at_files(config, &mut findings);
    findings
}

/// What the configuration and the mapping files say, if they are right.
fn look_at_files(
    config: Result<Config, Vec<ConfigError>>,
    findings: &mut Findings,
) -> Option<(Config, Mapping)> {
    let config = match config {
        Ok(config) => config,
        Err(faults) => {
            findings.problems.extend(faults.iter().map(|fault| format!("configuration: {fault}")));
            return None;
        }
    };
    findings.fine("configuration");
    let mapping = match load_mapping(&config) {
        Ok(mapping) => mapping,
        Err(faults) => {
            findings.problems.extend(faults.iter().map(|fault| format!("mapping: {fault}")));
            return None;
        }
    };
    findings.fine(format!(
        "mapping: {} into {}",
        counted(mapping.topics.len(), "topic"),
        counted(mapping.tables.len(), "table")
    ));
    Some((config, mapping))
}

/// Checks configuration, mapping, Kafka, MySQL, schema and grants.
pub async fn check(config: Result<Config, Vec<ConfigError>>) -> Findings {
    let mut findings = Findings::default();
    let Some((config, mapping)) = look_at_files(config, &mut findings) else { return findings };
    check_mysql(&config, &mapping, &mut findings).await;
    let topics = config.kafka.subscription(&mapping.topic_names());
    let asked = config.clone();
    let kafka = tokio::task::spawn_blocking(move || {
        let mut findings = Findings::default();
        check_kafka(&asked, &mapping, &mut findings);
        findings
    });
    match kafka.await {
        Ok(found) => {
            findings.fine.extend(found.fine);
            findings.warnings.extend(found.warnings);
            findings.problems.extend(found.problems);
        }
        Err(_) => findings.problem("Kafka: the check itself failed"),
    }
    if findings.problems.is_empty() {
        check_progress(&config, &topics, &mut findings).await;
    }
    findings
}

async fn check_progress(config: &Config, topics: &[String], findings: &mut Findings) {
    match progress::warnings(config, topics).await {
        Ok(warnings) if warnings.is_empty() => {
            findings.fine("progress: Kafka's offsets are not ahead of this database");
        }
        Ok(warnings) => {
            findings.warnings.extend(warnings.iter().map(|warning| format!("progress: {warning}")));
        }
        Err(error) => findings.problem(format!("progress: {error:#}")),
    }
}

async fn check_mysql(config: &Config, mapping: &Mapping, findings: &mut Findings) {
    let server = &config.server;
    let mut connection = match server.connect().await {
        Ok(connection) => connection,
        Err(error) => {
            findings.problem(format!("MySQL {}: {}", server.address(), connect_problem(&error)));
            return;
        }
    };
    match super::inspect_on(&mut connection, config, mapping).await {
        Ok(inspected) => check_inspected(&mut connection, server, inspected, findings).await,
        Err(error) => findings.problem(format!("MySQL: {}", without_values(&error))),
    }
    match migrate::pending_on(&mut connection, mapping).await {
        Ok(0) => findings.fine("migrations: all applied"),
        Ok(pending) => findings.problem(format!(
            "migrations: {pending} pending; apply them with `sluicegate migrate`, or let `run` do it (without --no-migrate)"
        )),
        Err(error) => findings.problem(format!("migrations: {error}")),
    }
}

fn connect_problem(error: &sqlx::Error) -> String {
    let cause = without_values(error);
    match Class::of_error(error) {
        Class::Connection => {
            format!("{cause}; check mysql.host, mysql.port or mysql.socket, and mysql.tls_mode")
        }
        _ => cause,
    }
}

async fn check_inspected(
    connection: &mut MySqlConnection,
    server: &Server,
    inspected: Inspected,
    findings: &mut Findings,
) {
    let Inspected { facts, mismatches, denied, .. } = inspected;
    if facts.is_supported() {
        let (name, version) = (facts.dialect.name(), &facts.version);
        findings.fine(format!("MySQL: {name} {version} at {}", server.address()));
    } else {
        findings.problem(format!("MySQL: {}", super::too_old(&facts)));
    }
    let (refused, warnings): (Vec<_>, Vec<_>) =
        mismatches.into_iter().partition(schema::Mismatch::is_refused);
    if refused.is_empty() {
        findings.fine(SCHEMA_FITS);
    }
    findings.warnings.extend(warnings.iter().map(|warning| format!("schema: {warning}")));
    findings.problems.extend(refused.iter().map(|mismatch| format!("schema: {mismatch}")));
    if denied.is_empty() {
        findings.fine("grants: enough to write to every table");
        return;
    }
    let account = account(connection).await.unwrap_or_else(|| format!("'{}'", server.user));
    findings.problem(format!(
        "grants: {}; fix it with: GRANT SELECT, INSERT, UPDATE, DELETE ON `{}`.* TO {account}",
        denied.join("; "),
        server.database,
    ));
}

/// The account that the server matched us to, in the syntax of GRANT.
async fn account(connection: &mut MySqlConnection) -> Option<String> {
    let account = sqlx::query_scalar("SELECT CAST(CURRENT_USER() AS CHAR)");
    let account: String = account.fetch_one(connection).await.ok()?;
    let (user, host) = account.rsplit_once('@')?;
    Some(format!("'{user}'@'{host}'"))
}

/// Whether no broker could be reached, as opposed to an answer about a topic.
pub(super) fn is_unreachable(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, OperationTimedOut, Resolve};
    let unreachable = [AllBrokersDown, BrokerTransportFailure, OperationTimedOut, Resolve];
    error.rdkafka_error_code().is_some_and(|code| unreachable.contains(&code))
}

fn check_kafka(config: &Config, mapping: &Mapping, findings: &mut Findings) {
    let consumer = match Consumer::new(&config.kafka.properties(), |_| {}) {
        Ok(consumer) => consumer,
        Err(error) => {
            findings.problem(format!("Kafka: {error}; check the [kafka] section"));
            return;
        }
    };
    let topics = config.kafka.subscription(&mapping.topic_names());
    let mapped = mapping.topic_names();
    for topic in topics.iter().filter(|topic| !mapped.contains(&config.kafka.mapped_name(topic))) {
        findings.problem(format!(
            "Kafka: no mapping file covers the topic {topic}, so its messages would become dead letters; check kafka.topics and mapping.directory"
        ));
    }
    let mut partitions = Vec::new();
    for topic in &topics {
        match consumer.offset_bounds(&[topic]) {
            Ok(bounds) if bounds.is_empty() => findings.problem(format!(
                "Kafka: topic {topic} does not exist; create it, or check kafka.topics and kafka.topic_prefix"
            )),
            Ok(bounds) => partitions.extend(bounds.into_keys()),
            Err(error) if is_unreachable(&error) => {
                findings.problem(format!(
                    "Kafka: no answer from {}: {error}; check kafka.bootstrap_servers, kafka.security_protocol, and the network",
                    config.kafka.bootstrap_servers
                ));
                return;
            }
            Err(error) => findings.problem(format!(
                "Kafka: topic {topic}: {error}; check kafka.bootstrap_servers, and READ and DESCRIBE on the topic"
            )),
        }
    }
    if partitions.is_empty() {
        return;
    }
    findings.fine(format!(
        "Kafka: {} with {}",
        counted(topics.len(), "topic"),
        counted(partitions.len(), "partition")
    ));
    match consumer.committed(&partitions) {
        Ok(committed) => findings.fine(format!(
            "Kafka: group {} has committed offsets for {} of them",
            config.kafka.group_id,
            committed.len()
        )),
        Err(error) => findings.problem(format!("Kafka: group: {error}; grant READ on the group")),
    }
}
