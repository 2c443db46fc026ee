//! Columns against the mapping: what is suggested for them keeps what they are.

use super::{Fault, REFUSED, check, findings, statement};
use sqlx::{Executor, Row};
use testkit::{Server, World};

testkit::on_both_servers!(
    fixes_narrow_nothing,
    a_key_that_would_be_too_long_is_said_before_the_server_says_it,
    a_suggested_table_is_valid_and_loads,
);

async fn fixes_narrow_nothing(server: Server) {
    check(server, &[
        Fault {
            by: &["ALTER TABLE users MODIFY user_id VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL COMMENT 'it''s \\\\ mine'"],
            says: &["users.user_id: compares ids by utf8mb4_general_ci", "varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'it''s \\\\ mine'"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE orders MODIFY currency VARCHAR(2) COLLATE utf8mb4_bin NULL DEFAULT 'it' COMMENT 'mine'"],
            says: &["orders.currency: is varchar(2)", "VARCHAR(3) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL DEFAULT 'it' COMMENT 'mine'"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE users MODIFY bio VARCHAR(300) CHARACTER SET latin1 NOT NULL DEFAULT 'it''s' COMMENT 'mine'"],
            says: &["users.bio: is varchar(300)", "is in character set latin1", "is NOT NULL", "DEFAULT ('it''s') COMMENT 'mine'"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE users MODIFY role ENUM('consumer', 'robot') NULL DEFAULT 'robot' COMMENT 'mine'"],
            says: &["users.role: is enum('consumer','robot')", "enum('consumer','robot','leader')"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE orders MODIFY total_cents INT UNSIGNED NULL DEFAULT 5 COMMENT 'mine', MODIFY tax_cents DECIMAL(10,2) NULL"],
            says: &["orders.total_cents: is int", "BIGINT NULL DEFAULT", "orders.tax_cents: is decimal(10,2)", "DECIMAL(21,2)"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE users MODIFY status_changed_at TIMESTAMP NULL COMMENT 'mine'"],
            says: &["users.status_changed_at: is timestamp", "DATETIME(6) NULL COMMENT 'mine'"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE orders MODIFY item_count VARCHAR(20) NULL"],
            says: &["orders.item_count: is varchar(20)", "RENAME COLUMN `item_count` TO `item_count_before`, ADD COLUMN `item_count` BIGINT NULL"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE user_events MODIFY event_data VARCHAR(500) NOT NULL COMMENT 'mine'"],
            says: &["user_events.event_data: is varchar(500)", "LONGTEXT"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE users DROP COLUMN user_id"],
            says: &["users.user_id: the column does not exist"],
            ..REFUSED
        },
        // Where the row is full already.
        Fault {
            by: &["ALTER TABLE users DROP COLUMN avatar, ADD COLUMN mine VARCHAR(13500) NULL"],
            says: &["users.avatar: the column does not exist", "ADD COLUMN `avatar` TEXT NULL"],
            ..REFUSED
        },
    ])
    .await;
}

const KEY_TOO_LONG: &[Fault] = &[Fault {
    by: &[
        "ALTER TABLE users DROP INDEX uq_users, MODIFY user_id VARCHAR(1000) COLLATE utf8mb4_bin NOT NULL",
    ],
    says: &["a key over these columns takes 4002 bytes of 3072 allowed"],
    undo: &[
        "ALTER TABLE users MODIFY user_id VARCHAR(50) COLLATE ascii_bin NOT NULL, ADD UNIQUE KEY uq_users (user_id)",
    ],
    ..REFUSED
}];

async fn a_key_that_would_be_too_long_is_said_before_the_server_says_it(server: Server) {
    check(server, KEY_TOO_LONG).await;
}

/// An entity of every required type, and more text than a row takes.
const PARCELS: &str = r#"
topic = "parcel"
key = "parcel_id"

ignore = ["*"]

[entity]
table = "parcels"
created_by = "parcel.created"
columns = [
  { name = "note", type = "text", from = "note", required = true },
  { name = "kind", type = "enum(small, large)", from = "kind", required = true },
  { name = "weight", type = "bigint", from = "weight", required = true },
  { name = "fragile", type = "boolean", from = "fragile", required = true },
  { name = "due", type = "datetime(6)", from = "due", required = true },
  { name = "label", type = "varchar(20)", from = "label", required = true },
  { name = "a", type = "varchar(4000)", from = "a" },
  { name = "b", type = "varchar(4000)", from = "b", required = true },
  { name = "c", type = "varchar(4000)", from = "c" },
  { name = "d", type = "varchar(4000)", from = "d" },
  { name = "e", type = "varchar(4000)", from = "e" },
]

[[entity.changing]]
name = "status"
type = "varchar(20)"
from = "status"
on = [{ event = "parcel.lost", value = "lost" }]
"#;

fn parcel(event: &str, data: &str) -> loadgen::Message {
    let value = format!(
        r#"{{"event_type":"parcel.{event}","event_id":"{event}","timestamp":"2025-01-06T08:00:00Z","entity_id":"p1","data":{data}}}"#
    );
    loadgen::Message {
        topic: "parcel".into(),
        key: None,
        value: Some(value.into_bytes()),
        kind: loadgen::Kind::Valid,
    }
}

/// A table that `check` suggests is valid, takes a row without its creation, and is without fault.
async fn a_suggested_table_is_valid_and_loads(server: Server) {
    let Some(mut world) = World::new(server) else { return };
    world.create_topics(&["parcel"], 1).await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("parcel.toml"), PARCELS).unwrap();
    world.set("mapping.directory", directory.path().display());
    world.set("kafka.topics", "parcel");
    world.succeed(&["migrate"]);
    // `migrate` has made it; without the rights for that, an operator runs what `check` prints.
    world.execute_sql(["DROP TABLE parcels"]).await;
    let (code, lines) = findings(&world);
    assert_eq!((code, lines.len()), (Some(1), 1), "{lines:?}");
    world.execute_sql(lines.iter().filter_map(|line| statement(line))).await;
    assert_eq!(findings(&world), (Some(0), vec![]), "{}", server.name());
    world.produce(vec![parcel("lost", "{}")]).await;
    world.load();
    let row = &world.rows("parcels").await[0];
    assert_eq!((&row["status"], &row["label"]), (&"lost".into(), &"".into()), "{row:?}");
    assert!(row["kind"].is_null() && row["weight"].is_null() && row["due"].is_null(), "{row:?}");
    let created = r#"{"note":"n","kind":"small","weight":5,"fragile":true,"due":"2025-01-06T08:00:00Z","label":"l","b":"b","status":"new"}"#;
    world.produce(vec![parcel("created", created)]).await;
    world.load();
    let row = &world.rows("parcels").await[0];
    assert_eq!((&row["kind"], &row["weight"]), (&"small".into(), &5.into()), "{row:?}");
    assert_eq!(world.count("dead_letters").await, 0);
    let mut connection = world.connect().await;
    let texts = connection
            .fetch_one("SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'parcels' AND DATA_TYPE = 'text'")
            .await
            .unwrap();
    assert_eq!(
        texts.get::<i64, _>(0),
        2,
        "the note, and the one of a to e that does not fit a row"
    );
    world.end().await;
}
