//! Engines, foreign keys, computed columns, rules of the user's own, partitions, dead letters.

use super::{Fault, REFUSED, WARNED, check, findings, migrated};
use crate::contract::lifecycles;
use testkit::{Server, World, fold};

testkit::on_both_servers!(
    tables_that_keep_what_was_rolled_back,
    tables_that_wait_for_rows_or_compute_them,
    rules_of_the_users_own_are_named,
    partitions_that_end,
    dead_letters_that_do_not_fit,
    times_that_the_server_gives,
    names_are_compared_as_servers_do,
    a_trigger_that_refuses_every_row_is_told_from_a_rule,
    a_rehearsal_leaves_no_row_and_a_refused_table_no_start,
);

async fn tables_that_keep_what_was_rolled_back(server: Server) {
    check(
        server,
        &[
            Fault {
                by: &["ALTER TABLE order_items ENGINE = MyISAM"],
                says: &["order_items: its engine MyISAM has no transactions"],
                ..REFUSED
            },
            Fault {
                by: &["ALTER TABLE dead_letters ENGINE = MyISAM"],
                says: &["dead_letters: its engine MyISAM has no transactions"],
                ..REFUSED
            },
        ],
    )
    .await;
}

async fn tables_that_wait_for_rows_or_compute_them(server: Server) {
    check(server, &[
        Fault {
            by: &["ALTER TABLE order_items ADD CONSTRAINT fk_mine FOREIGN KEY (order_id) REFERENCES orders (order_id)"],
            says: &["order_items: its foreign key fk_mine to orders refuses rows whose other row arrives later"],
            ..REFUSED
        },
        Fault {
            by: &["CREATE TABLE notes (order_id VARCHAR(50) COLLATE ascii_bin, line_no BIGINT, CONSTRAINT fk_note FOREIGN KEY (order_id, line_no) REFERENCES order_items (order_id, line_no))"],
            says: &["order_items: the foreign key fk_note of notes blocks the deletion of stale lines"],
            undo: &["DROP TABLE notes"],
            ..REFUSED
        },
        Fault {
            by: &["CREATE TABLE notes (order_id VARCHAR(50) COLLATE ascii_bin, CONSTRAINT fk_note FOREIGN KEY (order_id) REFERENCES orders (order_id))"],
            says: &["orders: the foreign key fk_note of notes refers to it"],
            undo: &["DROP TABLE notes"],
            ..WARNED
        },
        Fault {
            by: &["ALTER TABLE users DROP COLUMN city, ADD COLUMN city VARCHAR(100) GENERATED ALWAYS AS (UPPER(country)) VIRTUAL COMMENT 'mine'"],
            says: &["users.city: is GENERATED"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE users DROP COLUMN state, ADD COLUMN state VARCHAR(100) GENERATED ALWAYS AS (UPPER(country)) STORED"],
            says: &["users.state: is GENERATED"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE users ADD COLUMN tier VARCHAR(7) CHARACTER SET latin1 NOT NULL COMMENT 'it''s mine'"],
            says: &["users.tier: is not mapped, is NOT NULL and has no default", "COMMENT 'it''s mine'"],
            ..REFUSED
        },
        Fault {
            by: &["RENAME TABLE posts TO posts_behind", "CREATE VIEW posts AS SELECT * FROM posts_behind"],
            says: &["posts: is a view"],
            undo: &["DROP VIEW posts", "RENAME TABLE posts_behind TO posts"],
            ..REFUSED
        },
    ])
    .await;
}

async fn rules_of_the_users_own_are_named(server: Server) {
    check(server, &[
        Fault {
            by: &["ALTER TABLE orders ADD CONSTRAINT chk_mine CHECK (total_cents < 1000)"],
            says: &["orders: has CHECK constraints that the mapping does not know (chk_mine)"],
            undo: &["ALTER TABLE orders DROP CONSTRAINT chk_mine"],
            ..WARNED
        },
        Fault {
            by: &["ALTER TABLE orders ADD CONSTRAINT chk_mine CHECK (order_number LIKE 'A%')"],
            says: &["orders: a CHECK or trigger refuses sluicegate's test row"],
            undo: &["ALTER TABLE orders DROP CONSTRAINT chk_mine"],
            ..WARNED
        },
        Fault {
            by: &["CREATE TRIGGER mine BEFORE INSERT ON users FOR EACH ROW SET NEW.bio = UPPER(NEW.bio)"],
            says: &["users: has triggers that the mapping does not know (mine)"],
            undo: &["DROP TRIGGER mine"],
            ..WARNED
        },
        Fault {
            by: &["CREATE TRIGGER mine AFTER INSERT ON users FOR EACH ROW INSERT INTO gone VALUES (NEW.user_id)"],
            says: &["users: the server refuses sluicegate's test row (to write, rolled back): error 1146"],
            undo: &["DROP TRIGGER mine"],
            ..REFUSED
        },
        Fault {
            by: &["CREATE TRIGGER mine AFTER UPDATE ON users FOR EACH ROW INSERT INTO gone VALUES (NEW.user_id)"],
            says: &["users: the server refuses sluicegate's test row (to write, rolled back): error 1146"],
            undo: &["DROP TRIGGER mine"],
            ..REFUSED
        },
        Fault {
            by: &["CREATE TRIGGER mine BEFORE DELETE ON order_items FOR EACH ROW INSERT INTO gone VALUES (1)"],
            says: &["order_items: the server refuses sluicegate's test row (to delete stale lines, rolled back): error 1146"],
            undo: &["DROP TRIGGER mine"],
            ..REFUSED
        },
        Fault {
            by: &["SET sql_mode = ''", "ALTER TABLE user_logins ADD COLUMN mine DATETIME NOT NULL DEFAULT '0000-00-00'"],
            only: Some(Server::MariaDb),
            says: &["error 1978 (ER_INVALID_DEFAULT_VALUE_FOR_FIELD): a column of your own has a default"],
            undo: &["ALTER TABLE user_logins DROP COLUMN mine"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE user_logins MODIFY created_at TIMESTAMP NOT NULL DEFAULT (CURRENT_TIMESTAMP + INTERVAL 100 YEAR)"],
            says: &["user_logins: the server refuses sluicegate's test row (to write, rolled back): error 1292"],
            undo: &["ALTER TABLE user_logins MODIFY created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"],
            ..REFUSED
        },
    ])
    .await;
}

async fn partitions_that_end(server: Server) {
    check(server, &[
        Fault {
            by: &[
                "ALTER TABLE user_logins DROP PRIMARY KEY, ADD PRIMARY KEY (id, event_timestamp)",
                "ALTER TABLE user_logins PARTITION BY RANGE COLUMNS (event_timestamp) (PARTITION p0 VALUES LESS THAN ('2100-01-01'))",
            ],
            says: &["user_logins: its last partition ends before '2100-01-01'", "ADD PARTITION"],
            ..WARNED
        },
        Fault {
            by: &["ALTER TABLE user_logins PARTITION BY RANGE (TO_DAYS(event_timestamp)) (PARTITION p0 VALUES LESS THAN (TO_DAYS('2020-01-01')))"],
            says: &[
                "user_logins: the server refuses sluicegate's test row (to write, rolled back): error 1526",
            ],
            undo: &["ALTER TABLE user_logins REMOVE PARTITIONING"],
            ..REFUSED
        },
    ])
    .await;
}

async fn dead_letters_that_do_not_fit(server: Server) {
    check(server, &[
        Fault {
            by: &["ALTER TABLE dead_letters MODIFY payload TINYBLOB NOT NULL COMMENT 'mine', MODIFY message_key VARBINARY(10), MODIFY kafka_offset INT NOT NULL, MODIFY payload_bytes SMALLINT NOT NULL, MODIFY error_text VARCHAR(60) NOT NULL, MODIFY kafka_timestamp DATETIME NULL"],
            says: &[
                "dead_letters.payload: is tinyblob, which cannot hold every MEDIUMBLOB",
                "dead_letters.message_key: is varbinary(10)",
                "dead_letters.kafka_offset: is int",
                "dead_letters.payload_bytes: is smallint",
                "dead_letters.error_text: is varchar(60)",
                "dead_letters.kafka_timestamp: is datetime",
                "COMMENT 'mine'",
            ],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE dead_letters DROP COLUMN replayed_at, MODIFY event_type VARCHAR(100) NOT NULL, MODIFY event_id VARCHAR(50) CHARACTER SET latin1, MODIFY topic VARCHAR(249) NOT NULL"],
            says: &[
                "dead_letters.replayed_at: the column does not exist; fix it with: ALTER TABLE `dead_letters` ADD COLUMN",
                "dead_letters.event_type: is NOT NULL",
                "dead_letters.event_id: has the collation latin1_",
                "dead_letters.topic: has the collation utf8mb4_unicode_520_ci",
            ],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE dead_letters DROP INDEX uq_dead_letters, DROP COLUMN topic_id, MODIFY cluster_id VARCHAR(10) NOT NULL DEFAULT ''"],
            says: &[
                "dead_letters.topic_id: the column does not exist; fix it with: ALTER TABLE `dead_letters` ADD COLUMN `topic_id` VARCHAR(22) CHARACTER SET ascii",
                "dead_letters.cluster_id: is varchar(10)",
                "dead_letters: has no unique key",
            ],
            ..REFUSED
        },
    ])
    .await;
}

async fn times_that_the_server_gives(server: Server) {
    check(server, &[Fault {
        by: &["ALTER TABLE user_logins MODIFY event_timestamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"],
        says: &["DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)"],
        ..REFUSED
    }])
    .await;
}

async fn names_are_compared_as_servers_do(server: Server) {
    check(server, &[Fault {
        by: &["ALTER TABLE users CHANGE user_id User_ID VARCHAR(50) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, CHANGE email EMAIL VARCHAR(320) NOT NULL DEFAULT '', CHANGE bio BIO TINYTEXT"],
        says: &["users.bio: is tinytext"],
        ..REFUSED
    }])
    .await;
}

/// What refuses every row is not said to be the fault of events.
async fn a_trigger_that_refuses_every_row_is_told_from_a_rule(server: Server) {
    check(server, &[Fault {
        by: &[
            "CREATE TRIGGER mine BEFORE INSERT ON user_logins FOR EACH ROW SET NEW.user_id = NULL",
        ],
        says: &["sluicegate retries events that it refuses in the same way"],
        undo: &["DROP TRIGGER mine"],
        ..WARNED
    }])
    .await;
}

/// A rehearsal and a refused start leave nothing.
async fn a_rehearsal_leaves_no_row_and_a_refused_table_no_start(server: Server) {
    let Some(world) = migrated(server).await else { return };
    for table in ["users", "order_items", "user_logins", "dead_letters"] {
        assert_eq!(world.rows(table).await.len(), 0, "{}: {table}", server.name());
    }
    world.execute_sql(["ALTER TABLE user_logins DROP INDEX uq_user_logins, ADD UNIQUE KEY uq_user_logins (event_timestamp, event_id(8))", "ALTER TABLE users ADD CONSTRAINT chk_mine CHECK (country <> 'x')"]).await;
    let output = world.execute(&["run", "--until-end", "--no-migrate"]);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("user_logins: has no unique key uq_user_logins"), "{log}");
    world.execute_sql(["ALTER TABLE user_logins DROP INDEX uq_user_logins, ADD UNIQUE KEY uq_user_logins (event_timestamp, event_id)"]).await;
    let log = world.load();
    assert!(log.contains("users: has CHECK constraints"), "warnings are in the log: {log}");
    world.end().await;
}

/// A table that keeps the history of its rows takes what any other takes.
#[tokio::test]
async fn tables_with_system_versioning() {
    let Some(world) = World::migrated(Server::MariaDb, 2).await else { return };
    let messages = lifecycles(2_000);
    let expected = fold::of(&messages, world.server).tables;
    let versioned = |table| format!("ALTER TABLE {table} ADD SYSTEM VERSIONING");
    let versioned: Vec<String> = expected.keys().map(versioned).collect();
    world.execute_sql(versioned.iter().map(String::as_str)).await;
    assert_eq!(findings(&world), (Some(0), vec![]));
    world.produce(messages).await;
    world.load();
    world.assert_tables("with system versioning", &expected).await;
    world.end().await;
}
