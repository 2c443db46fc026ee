//! `migrate` makes tables from mapping files and lets them grow, and loses nothing.

use serde_json::json;
use sluicegate::commands::check::SCHEMA_FITS;
use sqlx::{AssertSqlSafe, Executor, MySqlConnection};
use testkit::world::said;
use testkit::{Server, World};

testkit::on_both_servers!(
    a_table_grows,
    what_could_lose_stays,
    rows_that_collide_are_said_at_once,
    a_table_of_before_is_taken_as_it_is,
    one_file_of_the_contract_alone,
    words_that_differ_in_case_stay,
    what_a_change_locks_is_said_before
);

/// A mapping of visits: an entity and a log.
fn visits(entity: &str, log: &str) -> String {
    format!(
        "topic = 'visits'\nkey = {{ name = 'visitor', type = 'varchar(20)' }}\n[envelope]\ntype = {{ value = 'visit' }}\n\
         id = 'id'\ntime = 'at'\nkey = 'visitor'\ndata = '$message'\n\
         [entity]\ntable = 'visitors'\ncreated_by = 'visit'\ncolumns = [{entity}]\n\
         [[log]]\ntable = 'visits'\nevents = ['*']\ncolumns = [{log}]\n"
    )
}

struct Place {
    world: World,
    directory: tempfile::TempDir,
}

impl Place {
    async fn new(server: Server) -> Option<Self> {
        let mut world = World::new(server)?;
        let directory = tempfile::tempdir().unwrap();
        world.set("mapping.built_in", false);
        world.set("mapping.directory", directory.path().display());
        world.create_topics(&["visits"], 1).await;
        Some(Self { world, directory })
    }

    fn map(&self, text: &str) {
        std::fs::write(self.directory.path().join("visits.toml"), text).unwrap();
    }

    async fn visit(&self, event: serde_json::Value) {
        let value = event.to_string().into_bytes();
        let message = loadgen::Message {
            topic: "visits".into(),
            key: None,
            value: Some(value),
            kind: loadgen::Kind::Valid,
        };
        self.world.produce([message]).await;
    }
}

async fn a_table_grows(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    let small = "{ name = 'name', type = 'varchar(5)', from = 'name' }, { name = 'mood', type = 'enum(good)', from = 'mood' }";
    place.map(&visits(small, "{ name = 'count', type = 'tinyint', from = 'count' }"));
    place.visit(json!({"id": "1", "at": "2026-01-01T00:00:00Z", "visitor": "v", "name": "Bo", "mood": "good", "count": 1})).await;
    place.world.load();
    place
        .world
        .execute_sql([
            "ALTER TABLE visitors MODIFY COLUMN name VARCHAR(5) NULL COMMENT 'as they say'",
        ])
        .await;
    let large = "{ name = 'name', type = 'varchar(300)', from = 'name' }, { name = 'mood', type = 'enum(good, bad)', from = 'mood' }, \
                 { name = 'city', type = 'text', from = 'city' }";
    place.map(&visits(large, "{ name = 'count', type = 'bigint', from = 'count' }"));
    let sql = place.world.succeed(&["migrate", "--dry-run"]);
    assert_eq!(sql.matches("ALTER TABLE").count(), 4, "{sql}");
    assert!(!sql.contains("migrations"), "SQL alone: {sql}");
    place.world.succeed(&["migrate"]);
    assert_eq!(place.world.succeed(&["migrate", "--dry-run"]), "");
    place.visit(json!({"id": "2", "at": "2026-01-02T00:00:00Z", "visitor": "v", "name": "Bonaventura", "mood": "bad", "count": 70000, "city": "Turin"})).await;
    place.world.load();
    let visitors = place.world.rows("visitors").await;
    assert_eq!(
        (&visitors[0]["name"], &visitors[0]["mood"]),
        (&json!("Bonaventura"), &json!("bad"))
    );
    assert_eq!(visitors[0]["city"], "Turin");
    let visits = place.world.rows("visits").await;
    let mut counts: Vec<i64> = visits.iter().map(|row| row["count"].as_i64().unwrap()).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 70000]);
    let comment: String = sqlx::query_scalar(
        "SELECT CAST(COLUMN_COMMENT AS CHAR) FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'visitors' AND COLUMN_NAME = 'name'",
    )
    .fetch_one(&mut place.world.connect().await)
    .await
    .unwrap();
    assert_eq!(comment, "as they say");
    place.world.end().await;
}

/// Another type, a required column in a table with rows: listed with the SQL, and not done.
async fn what_could_lose_stays(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    place.map(&visits("", "{ name = 'count', type = 'varchar(9)', from = 'count' }"));
    place.world.succeed(&["migrate"]);
    let log = "{ name = 'count', type = 'int', from = 'count' }, { name = 'name', type = 'varchar(9)', from = 'name', required = true }";
    place.map(&visits("", log));
    assert_eq!(place.world.succeed(&["migrate", "--dry-run"]), "");
    assert_eq!(place.world.succeed(&["migrate"]), "0 migrations applied\n");
    let check = said(&place.world.execute(&["check"]));
    assert!(check.contains("RENAME COLUMN `count` TO `count_before`"), "{check}");
    assert!(check.contains("the rows that are there have no value for it"), "{check}");
    place.world.end().await;
}

/// A PRIMARY KEY of its own, no `id`, no `created_at`, another order of columns, more of them.
async fn a_table_of_before_is_taken_as_it_is(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    place.world.product_server().create_database().await.unwrap();
    place
        .world
        .execute_sql([
            "CREATE TABLE visitors (event_timestamp DATETIME(6) NULL, note TEXT NULL, name VARCHAR(50) NULL, \
             event_id VARCHAR(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL, \
             visitor VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, PRIMARY KEY (visitor))",
            "INSERT INTO visitors (visitor, note) VALUES ('v', 'mine')",
        ])
        .await;
    place.map(&visits("{ name = 'name', type = 'varchar(5)', from = 'name' }", ""));
    let sql = place.world.succeed(&["migrate", "--dry-run"]);
    assert!(!sql.contains("`visitors`"), "{sql}");
    place
        .visit(json!({"id": "1", "at": "2026-01-01T00:00:00Z", "visitor": "v", "name": "Bo"}))
        .await;
    place.world.load();
    let visitors = place.world.rows("visitors").await;
    assert_eq!(visitors.len(), 1);
    assert_eq!((&visitors[0]["name"], &visitors[0]["note"]), (&json!("Bo"), &json!("mine")));
    assert!(place.world.succeed(&["check"]).contains(SCHEMA_FITS));
    place.world.end().await;
}

/// A missing unique key is added unless rows collide; that is not another session in the way, for which
/// `migrate` would wait.
async fn rows_that_collide_are_said_at_once(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    place.map(&visits("", "{ name = 'left_at', type = 'datetime(6)', from = 'left_at' }"));
    place.world.succeed(&["migrate"]);
    let row = "(visitor, event_id, event_timestamp) VALUES ('v', '1', '2026-01-01')";
    let insert = format!("INSERT INTO visits {row}");
    place
        .world
        .execute_sql([
            "ALTER TABLE visits DROP INDEX uq_visits, MODIFY left_at TIMESTAMP NULL",
            &insert,
            &insert,
        ])
        .await;
    let sql = place.world.succeed(&["migrate", "--dry-run"]);
    assert!(sql.contains("ADD UNIQUE KEY `uq_visits`"), "{sql}");
    assert!(!sql.contains("left_at"), "another kind of type stays: {sql}");
    let output = place.world.execute(&["migrate"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("1062") && said.contains("ADD UNIQUE KEY `uq_visits`"), "{said}");
    place.world.end().await;
}

/// To the server `X` and `x` are one word.
async fn words_that_differ_in_case_stay(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    let name = "{ name = 'name', type = 'varchar(5)', from = 'name' }";
    place.map(&visits(name, "{ name = 'mood', type = 'enum(X)', from = 'mood' }"));
    place.world.succeed(&["migrate"]);
    place.map(&visits(name, "{ name = 'mood', type = 'enum(x)', from = 'mood' }"));
    assert_eq!(place.world.succeed(&["migrate", "--dry-run"]), "");
    let check = said(&place.world.execute(&["check"]));
    assert!(check.contains("visits.mood") && check.contains("mood_before"), "{check}");
    place.world.end().await;
}

/// Without the built-in mapping no SQL file makes its tables, so the mapping does.
async fn one_file_of_the_contract_alone(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    place.world.create_topics(&["user"], 1).await;
    place.map(include_str!("../../../src/domains/user.toml"));
    place.world.succeed(&["migrate"]);
    let said = place.world.succeed(&["check"]);
    assert!(said.contains(SCHEMA_FITS), "{said}");
    assert_eq!(place.world.count("users").await, 0);
    place.world.end().await;
}

/// The statement of a line of `check`, and the algorithm that it names.
fn costly(line: &str) -> Option<(&str, &str)> {
    let (before, sql) = line.split_once("; fix it with: ")?;
    let (_, cost) = before.split_once("; the fix is ")?;
    Some((cost.split_once(':')?.0, sql))
}

/// Columns of a log, their types before, and those that the mapping has then.
const WIDENED: [(&str, &str, &str); 7] = [
    ("short", "varchar(5)", "varchar(50)"),
    ("long", "varchar(70)", "varchar(700)"),
    ("crossing", "varchar(50)", "varchar(90)"),
    ("far", "varchar(9)", "varchar(90)"),
    ("word", "enum(a)", "enum(a, b)"),
    ("count", "int", "bigint"),
    ("price", "decimal(9,2)", "decimal(12,2)"),
];

/// The statement can be done so, and no better way.
async fn assert_algorithm(connection: &mut MySqlConnection, algorithm: &str, sql: &str) {
    let order = ["INSTANT", "INPLACE", "COPY"];
    for better in order.into_iter().take_while(|better| *better != algorithm) {
        let tried = AssertSqlSafe(format!("{sql}, ALGORITHM={better}"));
        assert!(connection.execute(tried).await.is_err(), "{algorithm}, not {better}: {sql}");
    }
    let lock = if algorithm == "INPLACE" { ", LOCK=NONE" } else { "" };
    let tried = AssertSqlSafe(format!("{sql}, ALGORITHM={algorithm}{lock}"));
    let done = connection.execute(tried).await;
    assert!(done.is_ok(), "{algorithm}: {sql}: {done:?}");
}

async fn what_a_change_locks_is_said_before(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    let column =
        |name: &str, ty: &str| format!("{{ name = '{name}', type = '{ty}', from = '{name}' }}");
    let visitor = column("name", "varchar(5)");
    let before = WIDENED.map(|(name, before, _)| column(name, before));
    place.map(&visits(&visitor, &before.join(", ")));
    place.world.succeed(&["migrate"]);
    let event = "INSERT INTO visits (visitor, event_id, event_timestamp) ";
    let mut fill = vec![
        "ALTER TABLE visits ADD COLUMN left_at DATETIME".to_owned(),
        format!("{event} VALUES ('v', '0', '2026-01-01')"),
    ];
    for power in 0..17 {
        let next = 1 << power;
        fill.push(format!("{event} SELECT 'v', event_id + {next}, event_timestamp FROM visits"));
    }
    fill.extend([
        "UPDATE visits SET left_at = '2026-01-01'".to_owned(),
        "ALTER TABLE visits DROP INDEX uq_visits, MODIFY left_at DATETIME NOT NULL DEFAULT '2026-01-01'".to_owned(),
        "ANALYZE TABLE visits".to_owned(),
    ]);
    place.world.execute_sql(fill.iter().map(String::as_str)).await;
    let after = WIDENED.map(|(name, _, after)| column(name, after));
    let more = [column("added", "text"), column("left_at", "datetime")];
    place.map(&visits(&visitor, &[&after[..], &more].concat().join(", ")));
    let output = place.world.execute(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let changes: Vec<(&str, &str)> = said.lines().filter_map(costly).collect();
    // The key, too.
    assert_eq!(changes.len(), WIDENED.len() + more.len() + 1, "{said}");
    let preview = place.world.succeed(&["migrate", "--dry-run"]);
    assert_eq!(preview.matches("-- the fix is ").count(), changes.len(), "{preview}");
    let mut connection = place.world.connect().await;
    for (algorithm, sql) in changes {
        assert_algorithm(&mut connection, algorithm, sql).await;
    }
    let left = place.world.succeed(&["check"]);
    assert!(left.contains(SCHEMA_FITS), "{left}");
    place.world.end().await;
}
