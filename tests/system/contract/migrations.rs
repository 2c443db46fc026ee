//! Instances that migrate one database at once, with and without a lock between them.

use sluicegate::commands::check::SCHEMA_FITS;
use sluicegate::mapping::Mapping;
use sluicegate::migrate::{migrate, migrate_without_lock};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};
use std::time::Duration;
use testkit::world::said;
use testkit::{Server, World};

testkit::on_both_servers!(
    instances_without_a_lock_between_them_all_end_well,
    a_migration_that_was_interrupted_is_repeated,
    letters_get_an_origin_from_every_state_in_between,
    letters_of_the_version_before
);

const INSTANCES: usize = 8;
/// Less than an instance retries for while others are in its way.
const PATIENCE: Duration = Duration::from_secs(60);
/// Each is a race of its own.
const ROUNDS: usize = 5;

/// `GET_LOCK` is local to a node: instances on two nodes of a cluster have nothing between them.
async fn instances_without_a_lock_between_them_all_end_well(server: Server) {
    for _ in 0..ROUNDS {
        let Some(world) = World::new(server) else { return };
        world.product_server().create_database().await.unwrap();
        let tasks: Vec<_> = (0..INSTANCES)
            .map(|_| {
                let product = world.product_server();
                tokio::spawn(async move {
                    let mapping = Mapping::built_in().unwrap();
                    migrate_without_lock(&product, &mapping).await
                })
            })
            .collect();
        let mut applied = 0;
        for task in tasks {
            applied += task.await.unwrap().unwrap().files;
        }
        let mut connection = world.connect().await;
        let notes =
            "SELECT CAST(COUNT(*) AS SIGNED), CAST(SUM(success) AS SIGNED) FROM _sqlx_migrations";
        let row = connection.fetch_one(notes).await.unwrap();
        let (noted, successful): (i64, i64) = (row.get(0), row.get(1));
        assert_eq!(noted, successful, "{}", server.name());
        assert_eq!(usize::try_from(noted).unwrap(), applied, "each counts once");
        world.end().await;
    }
}

/// What a version before this one left half done is done again; what is noted is left alone.
async fn a_migration_that_was_interrupted_is_repeated(server: Server) {
    let Some(world) = World::new(server) else { return };
    let product = world.product_server();
    let all = world.migrate_built_in().await;
    assert!(all > 0);
    let mut connection = world.connect().await;
    connection.execute("UPDATE _sqlx_migrations SET success = 0 WHERE version = 3").await.unwrap();
    connection.execute("DROP TABLE order_items").await.unwrap();
    assert_eq!(world.migrate_built_in().await, 1);
    assert_eq!(world.migrate_built_in().await, 0);
    connection.execute("SELECT 1 FROM order_items").await.unwrap();
    connection
        .execute("UPDATE _sqlx_migrations SET checksum = 'other' WHERE version = 3")
        .await
        .unwrap();
    let mapping = Mapping::built_in().unwrap();
    let error = migrate(&product, &mapping).await.unwrap_err().to_string();
    assert!(error.contains("migration 3 was applied by"), "{error}");
    world.end().await;
}

/// The key of `dead_letters`.
async fn letters_key(connection: &mut MySqlConnection) -> String {
    let key = "SELECT CAST(GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX) AS CHAR) FROM information_schema.STATISTICS \
               WHERE TABLE_SCHEMA = DATABASE() AND INDEX_NAME = 'uq_dead_letters'";
    sqlx::query_scalar(key).fetch_one(connection).await.unwrap()
}

/// As a version writes them that knows no origins.
const OLD_LETTER: &str = "INSERT INTO dead_letters (topic, kafka_partition, kafka_offset, payload, payload_bytes, payload_cut, error_code, error_text, dead_at) \
                          VALUES ('user', 0, 7, 'old', 3, 0, 'json_invalid', '', NOW(6)) \
                          ON DUPLICATE KEY UPDATE payload = VALUES(payload)";

/// Wherever an instance was killed, the next one finishes, and the letters stay.
async fn letters_get_an_origin_from_every_state_in_between(server: Server) {
    const OLD_KEY: &str = "DROP INDEX uq_dead_letters, ADD UNIQUE KEY uq_dead_letters (topic, kafka_partition, kafka_offset)";
    let states = [
        format!("{OLD_KEY}, DROP COLUMN topic_id, DROP COLUMN cluster_id"),
        format!("{OLD_KEY}, DROP COLUMN cluster_id"),
        OLD_KEY.to_owned(),
        "DROP INDEX uq_dead_letters".to_owned(),
        "COMMENT = 'all done, but not noted'".to_owned(),
    ];
    let Some(world) = World::new(server) else { return };
    world.migrate_built_in().await;
    let mut connection = world.connect().await;
    for state in states {
        let alter = format!("ALTER TABLE dead_letters {state}");
        connection.execute(AssertSqlSafe(alter)).await.unwrap();
        connection.execute("DELETE FROM _sqlx_migrations WHERE version = 10").await.unwrap();
        if !state.starts_with("DROP") || state.contains("ADD") {
            connection.execute(OLD_LETTER).await.unwrap();
        }
        let started = std::time::Instant::now();
        assert_eq!(world.migrate_built_in().await, 1, "{state}");
        assert!(started.elapsed() < PATIENCE, "{state}: it was in its own way");
        let key = letters_key(&mut connection).await;
        assert_eq!(key, "topic,kafka_partition,kafka_offset,topic_id,cluster_id", "{state}");
        let letters = world.rows("dead_letters").await;
        assert_eq!(letters.len(), 1, "{state}: {letters:?}");
        assert_eq!((&letters[0]["topic_id"], &letters[0]["cluster_id"]), (&"".into(), &"".into()));
    }
    let check = said(&world.execute(&["check"]));
    assert!(check.contains(SCHEMA_FITS), "{check}");
    world.end().await;
}

/// An instance of the version before, which runs on after the migration, writes letters, and each once.
async fn letters_of_the_version_before(server: Server) {
    let Some(world) = World::new(server) else { return };
    world.migrate_built_in().await;
    let mut connection = world.connect().await;
    for _ in 0..2 {
        connection.execute(OLD_LETTER).await.unwrap();
    }
    assert_eq!(world.count("dead_letters").await, 1);
    world.end().await;
}
