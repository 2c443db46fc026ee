//! `sluicegate check`: everything that can be wrong before the start, at once.

use super::load_mapping;
use crate::config::{Config, ConfigError};
use crate::consume::Consumer;
use crate::flush::connect::Server;
use crate::flush::retry::Class;
use crate::flush::shown;
use crate::mapping::{Mapping, TableKind};
use crate::migrate;
use crate::schema;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor};

/// What a check found: what is well, and what is not, with its mend.
#[derive(Debug, Default)]
pub struct Findings {
    /// What is well.
    pub fine: Vec<String>,
    /// What is not.
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

/// Checks configuration, mapping, Kafka, MySQL, schema and grants.
pub async fn check(config: Result<Config, Vec<ConfigError>>) -> Findings {
    let mut findings = Findings::default();
    let config = match config {
        Ok(config) => config,
        Err(faults) => {
            findings.problems.extend(faults.iter().map(|fault| format!("configuration: {fault}")));
            return findings;
        }
    };
    findings.fine("configuration");
    let mapping = match load_mapping(&config) {
        Ok(mapping) => mapping,
        Err(faults) => {
            findings.problems.extend(faults.iter().map(|fault| format!("mapping: {fault}")));
            return findings;
        }
    };
    findings.fine(format!(
        "mapping: {} topics into {} tables",
        mapping.topics.len(),
        mapping.tables.len()
    ));
    check_mysql(&config.server, &mapping, &mut findings).await;
    let kafka = tokio::task::spawn_blocking(move || {
        let mut findings = Findings::default();
        check_kafka(&config, &mapping, &mut findings);
        findings
    });
    match kafka.await {
        Ok(found) => {
            findings.fine.extend(found.fine);
            findings.problems.extend(found.problems);
        }
        Err(_) => findings.problem("Kafka: the check itself failed"),
    }
    findings
}

async fn check_mysql(server: &Server, mapping: &Mapping, findings: &mut Findings) {
    let mut connection = match server.connect().await {
        Ok(connection) => connection,
        Err(error) => {
            findings.problem(format!("MySQL {}: {}", server.address(), connect_mend(&error)));
            return;
        }
    };
    match crate::flush::connect::server_facts(&mut connection).await {
        Ok(facts) if !facts.is_supported() => {
            findings.problem(format!("MySQL: {}", super::too_old(&facts)));
        }
        Ok(facts) => findings.fine(format!(
            "MySQL: {} {} at {}",
            facts.dialect.name(),
            facts.version,
            server.address()
        )),
        Err(error) => findings.problem(format!("MySQL: {}", shown(&error))),
    }
    match schema::read(&mut connection).await {
        Ok(live) => {
            let mismatches = schema::check(mapping, &live);
            if mismatches.is_empty() {
                findings.fine("schema: fits the mapping");
            }
            findings
                .problems
                .extend(mismatches.iter().map(|mismatch| format!("schema: {mismatch}")));
            check_grants(&mut connection, server, mapping, &live, findings).await;
        }
        Err(error) => findings.problem(format!("schema: {}", shown(&error))),
    }
    match migrate::pending_on(&mut connection).await {
        Ok(0) => findings.fine("migrations: all applied"),
        Ok(pending) => findings.problem(format!(
            "migrations: {pending} are pending; `sluicegate migrate` applies them, and so does `run` without --no-migrate"
        )),
        Err(error) => findings.problem(format!("migrations: {error}")),
    }
}

fn connect_mend(error: &sqlx::Error) -> String {
    let cause = shown(error);
    match Class::of_error(error) {
        Class::Grant => format!("{cause}; check mysql.user and mysql.password, or GRANT"),
        Class::Schema => format!("{cause}; `sluicegate migrate` creates it"),
        Class::Connection => {
            format!("{cause}; check mysql.host, mysql.port or mysql.socket, and mysql.tls_mode")
        }
        _ => cause,
    }
}

/// `EXPLAIN` needs the privileges of the statement that it explains, and changes nothing.
async fn check_grants(
    connection: &mut MySqlConnection,
    server: &Server,
    mapping: &Mapping,
    live: &schema::LiveSchema,
    findings: &mut Findings,
) {
    let mut statements = Vec::new();
    for table in mapping.tables.iter().filter(|table| live.contains_key(&table.name)) {
        let (name, key) = (&table.name, &table.columns[0].name);
        statements.push(format!(
            "EXPLAIN INSERT INTO `{name}` (`{key}`) VALUES ('') ON DUPLICATE KEY UPDATE `{key}` = `{name}`.`{key}`"
        ));
        if matches!(table.kind, TableKind::Lines { .. }) {
            statements.push(format!("EXPLAIN DELETE FROM `{name}` WHERE `{key}` = ''"));
        }
    }
    if live.contains_key("dead_letters") {
        statements.push("EXPLAIN INSERT INTO dead_letters (topic) VALUES ('') ON DUPLICATE KEY UPDATE topic = dead_letters.topic".to_owned());
    }
    let mut denied = Vec::new();
    for statement in statements {
        if let Err(error) = connection.execute(AssertSqlSafe(statement)).await
            && Class::of_error(&error) == Class::Grant
        {
            denied.push(shown(&error));
        }
    }
    if denied.is_empty() {
        findings.fine("grants: enough to write every table");
    } else {
        let account = account(connection).await.unwrap_or_else(|| format!("'{}'", server.user));
        findings.problem(format!(
            "grants: {}; mend it with: GRANT SELECT, INSERT, UPDATE, DELETE ON `{}`.* TO {account}",
            denied.join("; "),
            server.database,
        ));
    }
}

/// The account that the server took us for, as a GRANT names it.
async fn account(connection: &mut MySqlConnection) -> Option<String> {
    let account = sqlx::query_scalar("SELECT CAST(CURRENT_USER() AS CHAR)");
    let account: String = account.fetch_one(connection).await.ok()?;
    let (user, host) = account.rsplit_once('@')?;
    Some(format!("'{user}'@'{host}'"))
}

/// Whether an error is of the connection, and no answer about a topic.
fn is_unreachable(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, OperationTimedOut, Resolve};
    let away = [AllBrokersDown, BrokerTransportFailure, OperationTimedOut, Resolve];
    error.rdkafka_error_code().is_some_and(|code| away.contains(&code))
}

fn check_kafka(config: &Config, mapping: &Mapping, findings: &mut Findings) {
    let consumer = match Consumer::new(&config.kafka.properties, |_| {}) {
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
            "Kafka: no mapping knows the topic {topic}, so its messages would be dead letters; check kafka.topics and mapping.directory"
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
                    config.kafka.bootstrap_servers()
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
    findings.fine(format!("Kafka: {} topics with {} partitions", topics.len(), partitions.len()));
    match consumer.committed(&partitions) {
        Ok(committed) => findings.fine(format!(
            "Kafka: group {} has committed offsets for {} of them",
            config.kafka.group_id(),
            committed.len()
        )),
        Err(error) => findings.problem(format!("Kafka: group: {error}; allow READ on the group")),
    }
}
