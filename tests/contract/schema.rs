//! The schema is read whole: what `check` passes, `run` loads. Each kind of fault is named, and the
//! statement that is suggested fixes it and costs nothing that was there.

mod mapped;
mod running;

use crate::support::{Server, World, assert_table};
use crate::{input, lifecycles, reference};
use loadgen::TOPICS;
use sqlx::{AssertSqlSafe, Executor, Row};

/// What `check` says of a table's fault.
#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    /// `run` does not start.
    Refused,
    /// It is only said.
    Warned,
}

struct Fault {
    /// How the table gets it.
    by: &'static [&'static str],
    /// Only on this server.
    only: Option<Server>,
    verdict: Verdict,
    /// What is said, all of it.
    says: &'static [&'static str],
    /// How it goes where no statement is suggested.
    undo: &'static [&'static str],
}

const REFUSED: Fault =
    Fault { by: &[], only: None, verdict: Verdict::Refused, says: &[], undo: &[] };
const WARNED: Fault = Fault { verdict: Verdict::Warned, ..REFUSED };

/// Lines of `check` about the schema.
fn findings(world: &World) -> (Option<i32>, Vec<String>) {
    let output = world.execute(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = said.lines().filter(|line| line.contains("schema: ") && !line.starts_with("ok"));
    (output.status.code(), lines.map(str::to_owned).collect())
}

/// The statement that a line suggests, if it is one.
fn statement(line: &str) -> Option<&str> {
    let (_, fix) = line.split_once("; fix it with: ")?;
    ["ALTER ", "CREATE ", "SET "].iter().any(|verb| fix.starts_with(verb)).then_some(fix)
}

async fn execute(world: &World, statements: impl IntoIterator<Item = &str>) {
    let mut connection = world.connect().await;
    for statement in statements {
        let done = connection.execute(AssertSqlSafe(statement)).await;
        done.unwrap_or_else(|error| panic!("{}: {statement}: {error}", world.server.name()));
    }
}

async fn migrated(server: Server) -> Option<World> {
    let world = World::new(server).await?;
    world.create_topics(&TOPICS, 1).await;
    world.succeed(&["migrate"]);
    let (code, lines) = findings(&world);
    assert_eq!((code, &lines[..]), (Some(0), &[][..]), "our own tables are without fault");
    Some(world)
}

/// Each fault is said by `check`; the suggestions of `check`, executed, leave nothing to say.
async fn check(faults: &[Fault]) {
    for server in Server::ALL {
        let Some(world) = migrated(server).await else { continue };
        for fault in faults.iter().filter(|fault| fault.only.is_none_or(|only| only == server)) {
            execute(&world, fault.by.iter().copied()).await;
            let (code, lines) = findings(&world);
            let context = format!("{}: {:?}\n{lines:#?}", server.name(), fault.by);
            let refused = lines.iter().any(|line| line.starts_with("PROBLEM"));
            assert_eq!(refused, fault.verdict == Verdict::Refused, "{context}");
            assert_eq!(code, Some(i32::from(refused)), "{context}");
            for says in fault.says {
                assert!(lines.iter().any(|line| line.contains(says)), "{says:?}\n{context}");
            }
            execute(&world, lines.iter().filter_map(|line| statement(line))).await;
            execute(&world, fault.undo.iter().copied()).await;
            let (code, left) = findings(&world);
            assert_eq!(
                (code, &left[..]),
                (Some(0), &[][..]),
                "the fix leaves something: {context}"
            );
        }
        world.end().await;
    }
}

#[tokio::test]
async fn unique_keys_that_let_events_meet() {
    check(&[
        Fault {
            by: &["ALTER TABLE users DROP INDEX uq_users, ADD UNIQUE KEY uq_users (user_id(8))"],
            says: &[
                "users: there is no unique key uq_users over whole columns (user_id)",
                "uq_users over (user_id(8)), which is only a part of it, lets rows of different events meet",
            ],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE user_logins DROP INDEX uq_user_logins, ADD UNIQUE KEY mine (event_timestamp, event_id(8))"],
            says: &["user_logins: there is no unique key", "mine over (event_timestamp, event_id(8))"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE posts ADD UNIQUE KEY mine ((CAST(author_id AS CHAR(3))))"],
            only: Some(Server::MySql),
            says: &["posts: the unique key mine over (an expression)"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE orders ALTER INDEX uq_orders INVISIBLE"],
            only: Some(Server::MySql),
            says: &["orders: its unique key uq_orders is hidden"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE orders ALTER INDEX uq_orders IGNORED"],
            only: Some(Server::MariaDb),
            says: &["orders: its unique key uq_orders is hidden"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE orders RENAME INDEX uq_orders TO mine"],
            says: &["orders: there is no unique key uq_orders"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE order_items DROP INDEX uq_order_items, ADD UNIQUE KEY uq_order_items (line_no, order_id)"],
            says: &["order_items: there is no unique key uq_order_items over whole columns (order_id, line_no) in this order"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE posts ADD UNIQUE KEY mine (author_id)"],
            says: &["posts: the unique key mine over (author_id) lets rows of different events meet"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE products DROP COLUMN id, ADD PRIMARY KEY (event_id)", "ALTER TABLE products MODIFY event_id VARCHAR(50) COLLATE ascii_bin NOT NULL"],
            says: &["products: the unique key PRIMARY over (event_id)", "products.event_id: takes no NULL"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE users MODIFY user_id VARCHAR(50) COLLATE ascii_bin NULL COMMENT 'mine'"],
            says: &["users.user_id: takes NULL, but is part of the key"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE dead_letters DROP INDEX uq_dead_letters, ADD UNIQUE KEY mine (topic(9), kafka_partition, kafka_offset)"],
            says: &["dead_letters: there is no unique key", "mine over (topic(9), kafka_partition, kafka_offset)"],
            ..REFUSED
        },
    ])
    .await;
}

/// Keys under which no two events meet are left alone.
#[tokio::test]
async fn unique_keys_without_harm() {
    for server in Server::ALL {
        let Some(world) = migrated(server).await else { continue };
        execute(
            &world,
            [
                "ALTER TABLE user_logins DROP PRIMARY KEY, ADD PRIMARY KEY (id, event_timestamp)",
                "ALTER TABLE user_events ADD UNIQUE KEY more (event_id, event_timestamp, user_id)",
                "ALTER TABLE users DROP PRIMARY KEY, DROP COLUMN id, DROP INDEX uq_users, ADD PRIMARY KEY (user_id)",
            ],
        )
        .await;
        assert_eq!(findings(&world), (Some(0), vec![]), "{}", server.name());
        world.end().await;
    }
}

#[tokio::test]
async fn ids_that_are_narrow_or_nearly_used_up() {
    check(&[
        Fault {
            by: &["ALTER TABLE users MODIFY id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'mine', AUTO_INCREMENT = 4294967293"],
            says: &["users.id: is AUTO_INCREMENT int", "with 3 numbers left of 4294967295", "COMMENT 'mine'"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE orders MODIFY id SMALLINT NOT NULL AUTO_INCREMENT"],
            says: &["orders.id: is AUTO_INCREMENT smallint"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE orders MODIFY id INT NOT NULL AUTO_INCREMENT"],
            says: &["orders.id: is AUTO_INCREMENT int"],
            ..WARNED
        },
        Fault {
            by: &["ALTER TABLE dead_letters MODIFY id BIGINT NOT NULL AUTO_INCREMENT, AUTO_INCREMENT = 9223372036854775000"],
            says: &["dead_letters.id: is AUTO_INCREMENT bigint"],
            ..REFUSED
        },
    ])
    .await;
}

#[tokio::test]
async fn ids_that_are_not_whole_numbers() {
    check(&[Fault {
        by: &["ALTER TABLE users MODIFY id FLOAT NOT NULL AUTO_INCREMENT"],
        only: Some(Server::MariaDb),
        says: &["users.id: is AUTO_INCREMENT float"],
        ..WARNED
    }])
    .await;
}

#[tokio::test]
async fn tables_that_keep_what_was_rolled_back() {
    check(&[
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
    ])
    .await;
}

#[tokio::test]
async fn tables_that_wait_for_rows_or_compute_them() {
    check(&[
        Fault {
            by: &["ALTER TABLE order_items ADD CONSTRAINT fk_mine FOREIGN KEY (order_id) REFERENCES orders (order_id)"],
            says: &["order_items: its foreign key fk_mine to orders refuses rows whose other row is only late"],
            ..REFUSED
        },
        Fault {
            by: &["CREATE TABLE notes (order_id VARCHAR(50) COLLATE ascii_bin, line_no BIGINT, CONSTRAINT fk_note FOREIGN KEY (order_id, line_no) REFERENCES order_items (order_id, line_no))"],
            says: &["order_items: the foreign key fk_note of notes keeps stale lines"],
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
            says: &["users.tier: is not mapped, takes no NULL and has no default", "COMMENT 'it''s mine'"],
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

#[tokio::test]
async fn rules_of_the_users_own_are_named() {
    check(&[
        Fault {
            by: &["ALTER TABLE orders ADD CONSTRAINT chk_mine CHECK (total_cents < 1000)"],
            says: &["orders: has CHECK constraints that the mapping does not know (chk_mine)"],
            undo: &["ALTER TABLE orders DROP CONSTRAINT chk_mine"],
            ..WARNED
        },
        Fault {
            by: &["ALTER TABLE orders ADD CONSTRAINT chk_mine CHECK (order_number LIKE 'A%')"],
            says: &["orders: a CHECK or trigger refuses a row of sluicegate's own"],
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
            says: &["users: a row of sluicegate's own is refused (rolled back, to write): error 1146"],
            undo: &["DROP TRIGGER mine"],
            ..REFUSED
        },
        Fault {
            by: &["CREATE TRIGGER mine AFTER UPDATE ON users FOR EACH ROW INSERT INTO gone VALUES (NEW.user_id)"],
            says: &["users: a row of sluicegate's own is refused (rolled back, to write): error 1146"],
            undo: &["DROP TRIGGER mine"],
            ..REFUSED
        },
        Fault {
            by: &["CREATE TRIGGER mine BEFORE DELETE ON order_items FOR EACH ROW INSERT INTO gone VALUES (1)"],
            says: &["order_items: a row of sluicegate's own is refused (rolled back, to delete stale lines): error 1146"],
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
            says: &["user_logins: a row of sluicegate's own is refused (rolled back, to write): error 1292"],
            undo: &["ALTER TABLE user_logins MODIFY created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"],
            ..REFUSED
        },
    ])
    .await;
}

#[tokio::test]
async fn partitions_that_end() {
    check(&[
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
                "user_logins: a row of sluicegate's own is refused (rolled back, to write): error 1526",
            ],
            undo: &["ALTER TABLE user_logins REMOVE PARTITIONING"],
            ..REFUSED
        },
    ])
    .await;
}

#[tokio::test]
async fn dead_letters_that_do_not_fit() {
    check(&[
        Fault {
            by: &["ALTER TABLE dead_letters MODIFY payload TINYBLOB NOT NULL COMMENT 'mine', MODIFY message_key VARBINARY(10), MODIFY kafka_offset INT NOT NULL, MODIFY payload_bytes SMALLINT NOT NULL, MODIFY error_text VARCHAR(60) NOT NULL, MODIFY kafka_timestamp DATETIME NULL"],
            says: &[
                "dead_letters.payload: is tinyblob, which does not hold every MEDIUMBLOB",
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
                "dead_letters.replayed_at: there is no such column; fix it with: ALTER TABLE `dead_letters` ADD COLUMN",
                "dead_letters.event_type: takes no NULL",
                "dead_letters.event_id: has the collation latin1_",
                "dead_letters.topic: has the collation utf8mb4_unicode_520_ci",
            ],
            ..REFUSED
        },
    ])
    .await;
}

#[tokio::test]
async fn times_that_the_server_gives() {
    check(&[Fault {
        by: &["ALTER TABLE user_logins MODIFY event_timestamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"],
        says: &["DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)"],
        ..REFUSED
    }])
    .await;
}

#[tokio::test]
async fn names_are_compared_as_servers_do() {
    check(&[Fault {
        by: &["ALTER TABLE users CHANGE user_id User_ID VARCHAR(50) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, CHANGE email EMAIL VARCHAR(320) NOT NULL DEFAULT '', CHANGE bio BIO TINYTEXT"],
        says: &["users.bio: is tinytext"],
        ..REFUSED
    }])
    .await;
}

/// What refuses every row is not said to be the fault of events.
#[tokio::test]
async fn a_trigger_that_refuses_every_row_is_told_from_a_rule() {
    check(&[Fault {
        by: &[
            "CREATE TRIGGER mine BEFORE INSERT ON user_logins FOR EACH ROW SET NEW.user_id = NULL",
        ],
        says: &["events that it refuses in the same way are waited out"],
        undo: &["DROP TRIGGER mine"],
        ..WARNED
    }])
    .await;
}

/// A rehearsal and a refused start leave nothing.
#[tokio::test]
async fn a_rehearsal_leaves_no_row_and_a_refused_table_no_start() {
    for server in Server::ALL {
        let Some(world) = migrated(server).await else { continue };
        for table in ["users", "order_items", "user_logins", "dead_letters"] {
            assert_eq!(world.rows(table).await.len(), 0, "{}: {table}", server.name());
        }
        execute(&world, ["ALTER TABLE user_logins DROP INDEX uq_user_logins, ADD UNIQUE KEY uq_user_logins (event_timestamp, event_id(8))", "ALTER TABLE users ADD CONSTRAINT chk_mine CHECK (country <> 'x')"]).await;
        let output = world.execute(&["run", "--until-end", "--no-migrate"]);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(log.contains("user_logins: there is no unique key uq_user_logins"), "{log}");
        execute(&world, ["ALTER TABLE user_logins DROP INDEX uq_user_logins, ADD UNIQUE KEY uq_user_logins (event_timestamp, event_id)"]).await;
        let log = world.load();
        assert!(log.contains("users: has CHECK constraints"), "warnings are in the log: {log}");
        world.end().await;
    }
}

async fn count(world: &World, table: &str) -> i64 {
    let select = format!("SELECT COUNT(*) FROM `{table}`");
    world.connect().await.fetch_one(AssertSqlSafe(select)).await.unwrap().get(0)
}

/// A table that keeps the history of its rows takes what any other takes.
#[tokio::test]
async fn tables_with_system_versioning() {
    let Some(world) = World::new(Server::MariaDb).await else { return };
    world.create_topics(&TOPICS, 2).await;
    world.succeed(&["migrate"]);
    let messages = lifecycles(2_000);
    let expected = reference::fold(messages.iter().map(input), world.server.json_depth()).tables;
    let versioned = |table| format!("ALTER TABLE {table} ADD SYSTEM VERSIONING");
    let versioned: Vec<String> = expected.keys().map(versioned).collect();
    execute(&world, versioned.iter().map(String::as_str)).await;
    assert_eq!(findings(&world), (Some(0), vec![]));
    world.produce(messages).await;
    world.load();
    for (table, rows) in &expected {
        assert_table(world.server.name(), table, &world.rows(table).await, rows);
    }
    world.end().await;
}
