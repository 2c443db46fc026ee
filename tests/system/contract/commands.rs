//! The other subcommands, on a real server.

use loadgen::TOPICS;
use sluicegate::commands::check::SCHEMA_FITS;
use sqlx::Executor;
use testkit::instance::signal;
use testkit::world::program;
use testkit::{Server, World, free_port, tables, until, wait_for};

testkit::on_both_servers!(
    check_names_everything_and_the_fix,
    dead_letters_are_listed_shown_replayed_and_purged,
    instances_that_start_together_migrate_once
);

fn message(topic: &'static str, value: &str) -> loadgen::Message {
    loadgen::Message {
        topic: topic.into(),
        key: None,
        value: Some(value.as_bytes().to_vec()),
        kind: loadgen::Kind::Valid,
    }
}

async fn check_names_everything_and_the_fix(server: Server) {
    let Some(world) = World::new(server) else { return };
    let output = world.execute(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("sluicegate migrate"), "{said}");
    assert!(said.contains("topic") && said.contains("does not exist"), "{said}");
    world.succeed(&["migrate"]);
    world.create_topics(&TOPICS, 1).await;
    // Both sides of the subcommand count.
    let output = world.execute(&["check", "--set", "kafka.topics=user,parcel"]);
    let unknown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        unknown.contains(&format!("no mapping file covers the topic {}", world.topic("parcel"))),
        "{unknown}"
    );
    assert!(unknown.contains(SCHEMA_FITS), "{unknown}");
    let away = format!("kafka.bootstrap_servers=127.0.0.1:{}", free_port());
    let output = world.execute(&["check", "--set", &away]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.matches("PROBLEM").count(), 1, "{said}");
    assert!(said.contains("Kafka: no answer from 127.0.0.1"), "{said}");
    let said = world.succeed(&["check"]);
    assert!(said.contains(SCHEMA_FITS) && said.contains("grants: enough"), "{said}");
    let mut connection = world.connect().await;
    connection.execute("DELETE FROM _sqlx_migrations WHERE version = 8").await.unwrap();
    let output = world.execute(&["check"]);
    let pending = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(pending.contains("migrations: 1 pending"), "{pending}");
    world.succeed(&["migrate"]);
    for change in [
        "ALTER TABLE users DROP COLUMN city",
        "ALTER TABLE orders MODIFY COLUMN currency VARCHAR(2) COMMENT 'ISO 4217 code, e.g. USD'",
        "ALTER TABLE user_logins DROP INDEX uq_user_logins",
        "ALTER TABLE posts ADD UNIQUE KEY mine (author_id)",
    ] {
        connection.execute(change).await.unwrap();
    }
    let output = world.execute(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1));
    for fix in [
        "ALTER TABLE `users` ADD COLUMN `city` VARCHAR(100) NULL",
        "ALTER TABLE `orders` MODIFY COLUMN `currency` VARCHAR(3) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci NULL COMMENT 'ISO 4217 code, e.g. USD'",
        "ALTER TABLE `user_logins` ADD UNIQUE KEY `uq_user_logins` (`event_timestamp`, `event_id`)",
        "ALTER TABLE `posts` DROP INDEX `mine`",
    ] {
        assert!(said.contains(fix), "{fix}\n{said}");
        let mut connection = world.connect().await;
        connection.execute(sqlx::AssertSqlSafe(fix)).await.unwrap();
    }
    world.succeed(&["check"]);
    world.end().await;
}

#[tokio::test]
async fn a_run_refuses_a_schema_that_does_not_fit() {
    let Some(world) = World::new(Server::MySql) else { return };
    world.create_topics(&TOPICS, 1).await;
    let output = world.execute(&["run", "--until-end", "--no-migrate"]);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(log.contains("database") || log.contains("migrate"), "{log}");
    world.succeed(&["migrate"]);
    world.connect().await.execute("ALTER TABLE users DROP COLUMN city").await.unwrap();
    let output = world.execute(&["run", "--until-end", "--no-migrate"]);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(log.contains("users.city: the column does not exist"), "{log}");
    world.end().await;
}

async fn dead_letters_are_listed_shown_replayed_and_purged(server: Server) {
    let Some(mut world) = World::new(server) else { return };
    world.create_topics(&["user"], 1).await;
    let directory = tempfile::tempdir().unwrap();
    let user = include_str!("../../../src/domains/user.toml");
    // A mapping with a narrow column makes a good event a dead letter.
    let narrow = user.replace(
        "name = \"ip_address\", type = \"varchar(64)\"",
        "name = \"ip_address\", type = \"varchar(3)\"",
    );
    assert_ne!(user, narrow);
    std::fs::write(directory.path().join("user.toml"), narrow).unwrap();
    let login = r#"{"event_type":"user.login","event_id":"e1","timestamp":"2025-01-06T08:00:00Z","entity_id":"u1","data":{"ip_address":"127.0.0.1"}}"#;
    world.produce(vec![message("user", login), message("user", "not JSON")]).await;
    world.set("mapping.directory", directory.path().display());
    world.load();
    world.settings.clear();

    let list = world.succeed(&["dead-letters", "list", "--reason", "value_too_long", "--json"]);
    let letter: serde_json::Value = serde_json::from_str(list.trim()).unwrap();
    assert_eq!((&letter["error_code"], &letter["offset"]), (&"value_too_long".into(), &0.into()));
    let id = letter["id"].to_string();
    assert!(world.succeed(&["dead-letters", "show", &id]).contains("127.0.0.1"));
    let table = world.succeed(&["dead-letters", "list", "--topic", &world.topic("user")]);
    assert!(table.contains("json_invalid") && table.contains("value_too_long"), "{table}");
    assert!(world.succeed(&["dead-letters", "list", "--until", "1h"]).contains("no dead letters"));
    let output = world.execute(&["dead-letters", "list", "--since", "yesterday"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--since") && said.contains("not an age such as 2h"), "{said}");

    let counts = world.succeed(&["dead-letters", "count", "--json"]);
    let counts: Vec<serde_json::Value> =
        counts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |code: &str| counts.iter().find(|count| count["error_code"] == code).unwrap();
    assert_eq!(count("json_invalid")["letters"], 1);
    assert_eq!(count("value_too_long")["newest_id"], letter["id"]);
    let table = world.succeed(&["dead-letters", "count", "--reason", "json_invalid"]);
    assert!(table.contains("json_invalid") && !table.contains("value_too_long"), "{table}");

    let other = count("json_invalid")["newest_id"].to_string();
    let outcome = world.succeed(&["dead-letters", "replay", &other, "--json"]);
    assert!(outcome.contains(r#""loaded":0"#), "only what was named: {outcome}");
    let outcome = world.succeed(&["dead-letters", "replay", "--json"]);
    assert_eq!(
        outcome.trim(),
        r#"{"loaded":1,"already_loaded":0,"still_faulty":{"json_invalid":1},"cut":0,"interrupted":false}"#
    );
    assert_eq!(world.rows("user_logins").await[0]["ip_address"], "127.0.0.1");
    let outcome = world.succeed(&["dead-letters", "replay", "--json"]);
    assert!(outcome.contains("\"loaded\":0"), "what succeeded is marked: {outcome}");

    let counts = world.succeed(&["dead-letters", "count", &id, "--json"]);
    assert!(counts.contains(r#""letters":1,"unreplayed":0"#), "{counts}");
    assert!(world.succeed(&["dead-letters", "purge", &other]).starts_with("0 "));
    assert!(world.succeed(&["dead-letters", "purge"]).starts_with("1 "));
    let unasked = world.execute(&["dead-letters", "purge", "--unreplayed"]);
    assert_eq!(unasked.status.code(), Some(1), "which ones was not said");
    let purge = ["dead-letters", "purge", "--unreplayed", "--reason", "json_invalid"];
    assert!(world.succeed(&purge).starts_with("1 "));
    let output = world.execute(&["dead-letters", "show", &id]);
    assert_eq!(output.status.code(), Some(1));
    world.end().await;
}

/// The letters of the group under way are written and marked; the same command finishes the rest later.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_interrupted_finishes_what_it_began() {
    const LETTERS: usize = 700;
    let Some(mut world) = World::new(Server::MariaDb) else { return };
    world.create_topics(&["user"], 1).await;
    let directory = tempfile::tempdir().unwrap();
    let user = include_str!("../../../src/domains/user.toml");
    let (wide, narrow) = ("type = \"varchar(64)\"", "type = \"varchar(3)\"");
    std::fs::write(directory.path().join("user.toml"), user.replace(wide, narrow)).unwrap();
    let login = |n| {
        let value = format!(
            r#"{{"event_type":"user.login","event_id":"e{n}","timestamp":"2025-01-06T08:00:00Z","entity_id":"u1","data":{{"ip_address":"127.0.0.1"}}}}"#
        );
        message("user", &value)
    };
    world.produce((0..LETTERS).map(login)).await;
    world.set("mapping.directory", directory.path().display());
    world.load();
    world.settings.clear();

    // Rows that are written cannot be marked for now.
    let mut held = world.connect().await;
    held.execute("BEGIN").await.unwrap();
    held.execute("SELECT id FROM dead_letters FOR UPDATE").await.unwrap();
    let log = directory.path().join("log");
    let mut command = world.command();
    command.args(["dead-letters", "replay", "--json"]);
    let replay = command.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
    let mut watch = world.connect().await;
    let what = || "a row that is written".to_owned();
    until(what, async || tables::count(&mut watch, "user_logins").await > 0).await;
    signal(&replay, "INT");
    wait_for("an answer to Ctrl-C", || {
        std::fs::read_to_string(&log).unwrap().contains("Ctrl-C").then_some(())
    });
    held.execute("COMMIT").await.unwrap();
    let output = replay.wait_with_output().unwrap();
    let log = std::fs::read_to_string(&log).unwrap();
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("run the same command again for the rest"), "{log}");
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["interrupted"], true);
    let loaded = outcome["loaded"].as_u64().unwrap();
    assert!((1..LETTERS as u64).contains(&loaded), "{outcome}");

    let rest = world.succeed(&["dead-letters", "replay", "--json"]);
    assert!(rest.contains(&format!(r#""loaded":{},"#, LETTERS as u64 - loaded)), "{rest}");
    assert_eq!(world.rows("user_logins").await.len(), LETTERS);
    world.end().await;
}

#[tokio::test]
async fn tombstones_are_skipped_and_committed() {
    let Some(world) = World::new(Server::MariaDb) else { return };
    world.create_topics(&["user"], 1).await;
    let tombstone = loadgen::Message { value: None, ..message("user", "") };
    world.produce(vec![tombstone.clone(), tombstone]).await;
    assert!(world.load().contains("\"messages\":2"));
    assert_eq!(world.rows("dead_letters").await, []);
    assert!(world.load().contains("\"messages\":0"), "they are committed");
    world.end().await;
}

async fn instances_that_start_together_migrate_once(server: Server) {
    let Some(world) = World::new(server) else { return };
    let children: Vec<_> =
        (0..4).map(|_| world.command().arg("migrate").spawn().unwrap()).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    world.end().await;
}

#[tokio::test]
async fn a_configuration_with_faults_is_exit_code_2() {
    let Some(world) = World::new(Server::MySql) else { return };
    let output = world.execute(&["run", "--set", "mysql.hots=x"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean mysql.host?"));
    assert!(world.succeed(&["config"]).contains("# environment MYSQL_HOST"));
}

/// Pages are for `man` and packages, and a pipe may close early (`sluicegate config | head`).
#[test]
fn what_is_printed_for_others() {
    let sluicegate = || std::process::Command::new(program());
    let directory = tempfile::tempdir().unwrap();
    let output = sluicegate().args(["man", "--directory"]).arg(directory.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    for page in ["sluicegate.1", "sluicegate-run.1", "sluicegate-dead-letters-replay.1"] {
        let text = std::fs::read_to_string(directory.path().join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
    for command in ["config", "man"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = sluicegate().arg(command).stdout(writer).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{command}: {output:?}");
    }
}
