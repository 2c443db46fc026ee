//! Tables that change while a run writes to them: no event is blamed for what no event can help.

use serde_json::Value;
use sluicegate::commands::run::MYSQL_NOT_READY;
use testkit::servers::directory;
use testkit::{Instance, OwnServer, Server, World, until, wait_for};

testkit::on_both_servers!(
    ids_that_run_out_change_no_other_row,
    a_statement_updates_no_row_through_another_key,
    a_row_that_no_partition_takes_is_a_dead_letter_and_the_rest_loads,
    a_table_without_a_partition_for_the_present_waits,
    a_table_that_takes_no_row_at_all_waits_and_blames_no_event,
    the_room_that_is_left_is_a_metric,
    a_start_on_a_read_only_server_waits,
    a_locked_table_holds_no_start_up
);

fn event(kind: &str, id: &str, user: &str, at: &str, data: &str) -> loadgen::Message {
    let value = format!(
        r#"{{"event_type":"user.{kind}","event_id":"{id}","timestamp":"{at}","entity_id":"{user}","data":{data}}}"#
    );
    loadgen::Message {
        topic: "user".into(),
        key: None,
        value: Some(value.into_bytes()),
        kind: loadgen::Kind::Valid,
    }
}

fn login(id: &str, at: &str) -> loadgen::Message {
    event("login", id, "u1", at, "{}")
}

fn registered(user: usize) -> loadgen::Message {
    let data = r#"{"contact_info":{"primary_email":"a@b.c"},"status":"pending"}"#;
    let user = format!("u{user}");
    event("registered", &format!("r-{user}"), &user, "2025-01-06T08:00:00Z", data)
}

fn locked(user: usize) -> loadgen::Message {
    let user = format!("u{user}");
    event("account_locked", &format!("l-{user}"), &user, "2025-01-06T09:00:00Z", "{}")
}

/// Waits for a warning of class `schema` whose error says `what`; gives the error.
fn warning(instance: &Instance, what: &str) -> String {
    wait_for(what, || {
        let log = instance.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let errors = lines.filter(|line| line["fields"]["class"] == "schema");
        let mut errors =
            errors.filter_map(|line| Some(line["fields"]["error"].as_str()?.to_owned()));
        errors.find(|error| error.contains(what))
    })
}

/// Waits until a table has so many rows.
async fn has_rows(world: &World, table: &str, rows: i64) {
    let what = || format!("{table} with {rows} rows");
    until(what, async || world.count(table).await == rows).await;
}

/// The statement in an error that suggests one, less what is said behind it.
fn fix(error: &str) -> &str {
    let at = error.find("ALTER TABLE").unwrap_or_else(|| panic!("no statement in {error}"));
    error[at..].split(" (and ").next().unwrap()
}

async fn world(server: Server) -> Option<World> {
    let mut world = World::migrated(server, 1).await?;
    world.set("flush.retry_longest", "200ms").set("flush.statement_rows", 1);
    Some(world)
}

/// No row is ever updated through another key than its own, whatever AUTO_INCREMENT gives.
async fn ids_that_run_out_change_no_other_row(server: Server) {
    let Some(world) = world(server).await else { return };
    let run = Instance::start(&world);
    world.produce((0..3).map(registered)).await;
    has_rows(&world, "users", 3).await;
    world.execute_sql(["ALTER TABLE users MODIFY id INT UNSIGNED NOT NULL AUTO_INCREMENT, AUTO_INCREMENT = 4294967293"]).await;
    world.produce((3..9).flat_map(|user| [registered(user), locked(user)])).await;
    let error = warning(&run, "users.id: is AUTO_INCREMENT int");
    assert_eq!(world.count("dead_letters").await, 0, "{error}");
    for row in world.rows("users").await {
        let user = row["user_id"].as_str().unwrap();
        assert_eq!(row["event_id"], format!("r-{user}"), "a stranger's row: {row:?}");
    }
    world.execute_sql([fix(&error)]).await;
    has_rows(&world, "users", 9).await;
    for row in world.rows("users").await {
        let user = row["user_id"].as_str().unwrap();
        let was_locked = user[1..].parse::<usize>().unwrap() >= 3;
        let status = if was_locked { "suspended" } else { "pending" };
        assert_eq!(
            (&row["event_id"], &row["status"]),
            (&format!("r-{user}").into(), &status.into())
        );
    }
    run.stop();
    world.end().await;
}

/// A row that meets another key than its own is refused by the statement itself.
async fn a_statement_updates_no_row_through_another_key(server: Server) {
    use sluicegate::buffer::Batch;
    use sluicegate::flatten::Flattener;
    use sluicegate::flush::statement::{StatementLimits, Statements};
    use sluicegate::mysql::server_facts;
    use sqlx::{AssertSqlSafe, Executor};
    let Some(world) = world(server).await else { return };
    world
        .execute_sql([
            "ALTER TABLE users ADD UNIQUE KEY mine (email)",
            "ALTER TABLE user_logins ADD UNIQUE KEY mine (user_id)",
        ])
        .await;
    let mut connection = world.product_server().connect().await.unwrap();
    let facts = server_facts(&mut connection).await.unwrap();
    let mapping = std::sync::Arc::new(sluicegate::mapping::Mapping::built_in().unwrap());
    let statements = Statements::new(&mapping, facts.dialect);
    let mut flattener = Flattener::new(std::sync::Arc::clone(&mapping), facts.json_limits());
    let mut batch = Batch::new(&mapping);
    let messages = [
        registered(1),
        registered(2),
        login("e1", "2025-01-06T08:00:00Z"),
        login("e2", "2025-01-06T08:00:00Z"),
    ];
    for message in &messages {
        flattener.load_value("user", message.value.as_deref().unwrap(), &mut batch).unwrap();
    }
    for (table, alone) in [("users", 1), ("user_logins", 1)] {
        let id = mapping.table(table).unwrap();
        let limits = StatementLimits { rows: 10, bytes: 1 << 20 };
        let mut text = String::new();
        for (order, fine) in
            [(vec![0, 1], false), (vec![0], true), (vec![1], false), (vec![0], true)]
        {
            statements.upsert(
                (id, &mapping.tables[id]),
                batch.rows(id),
                &order,
                0,
                limits,
                &mut text,
            );
            let done = connection.execute(AssertSqlSafe(text.clone())).await;
            assert_eq!(done.is_ok(), fine, "{}: {table} {order:?} {done:?}", server.name());
        }
        assert_eq!(world.count(table).await, alone);
    }
    world.end().await;
}

async fn a_row_that_no_partition_takes_is_a_dead_letter_and_the_rest_loads(server: Server) {
    let Some(mut world) = world(server).await else { return };
    world.settings.clear();
    world.execute_sql([
                "ALTER TABLE user_logins DROP PRIMARY KEY, ADD PRIMARY KEY (id, event_timestamp)",
                "ALTER TABLE user_logins PARTITION BY RANGE COLUMNS (event_timestamp) (PARTITION p0 VALUES LESS THAN ('2100-01-01'))",
            ],
        )
        .await;
    let mut messages: Vec<_> =
        (0..5).map(|n| login(&format!("e{n}"), "2025-01-06T08:00:00Z")).collect();
    messages.insert(2, login("late", "2999-01-01T00:00:00Z"));
    world.produce(messages).await;
    let log = world.load();
    assert_eq!(world.count("user_logins").await, 5, "{log}");
    let letters = world.rows("dead_letters").await;
    assert_eq!((letters.len(), &letters[0]["error_code"]), (1, &"partition_missing".into()));
    let text = letters[0]["error_text"].as_str().unwrap().to_owned();
    assert!(
        text.contains("user_logins has no partition for event_timestamp 2999-01-01 00:00:00"),
        "{text}"
    );
    world.execute_sql([fix(&text)]).await;
    world.succeed(&["dead-letters", "replay"]);
    assert_eq!(world.count("user_logins").await, 6);
    world.end().await;
}

async fn a_table_without_a_partition_for_the_present_waits(server: Server) {
    let Some(world) = world(server).await else { return };
    world.execute_sql([
                "ALTER TABLE user_logins DROP PRIMARY KEY, ADD PRIMARY KEY (id, event_timestamp)",
                "ALTER TABLE user_logins PARTITION BY RANGE COLUMNS (event_timestamp) (PARTITION p0 VALUES LESS THAN ('2025-01-01'), PARTITION p1 VALUES LESS THAN (MAXVALUE))",
            ],
        )
        .await;
    let run = Instance::start(&world);
    world.produce(vec![login("first", "2024-01-06T08:00:00Z")]).await;
    has_rows(&world, "user_logins", 1).await;
    world.execute_sql(["ALTER TABLE user_logins DROP PARTITION p1"]).await;
    world.produce(vec![login("second", "2026-01-06T08:00:00Z")]).await;
    let error = warning(&run, "user_logins has no partition for the current time");
    assert_eq!(world.count("dead_letters").await, 0, "{error}");
    world.execute_sql([fix(&error)]).await;
    has_rows(&world, "user_logins", 2).await;
    run.stop();
    world.end().await;
}

/// As on 2038-01-19, when `created_at` can hold the time no longer.
async fn a_table_that_takes_no_row_at_all_waits_and_blames_no_event(server: Server) {
    let Some(world) = world(server).await else { return };
    let run = Instance::start(&world);
    world.produce(vec![login("first", "2025-01-06T08:00:00Z")]).await;
    has_rows(&world, "user_logins", 1).await;
    world.execute_sql(["ALTER TABLE user_logins MODIFY created_at TIMESTAMP NOT NULL DEFAULT (CURRENT_TIMESTAMP + INTERVAL 100 YEAR)"]).await;
    world.produce(vec![login("second", "2025-01-06T08:00:00Z")]).await;
    let error = warning(&run, "user_logins refuses every row");
    assert!(error.contains("1292"), "{error}");
    assert_eq!(world.count("dead_letters").await, 0);
    world.execute_sql(["ALTER TABLE user_logins MODIFY created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"]).await;
    has_rows(&world, "user_logins", 2).await;
    assert_eq!(world.count("dead_letters").await, 0);
    run.stop();
    world.end().await;
}

async fn the_room_that_is_left_is_a_metric(server: Server) {
    let Some(mut world) = world(server).await else { return };
    // A tenth is left.
    world.execute_sql(["ALTER TABLE users MODIFY id INT UNSIGNED NOT NULL AUTO_INCREMENT, AUTO_INCREMENT = 3865470566"]).await;
    world.serve_http();
    let run = Instance::start(&world);
    let series = r#"sluicegate_flush_auto_increment_room_ratio{table="users"}"#;
    let room = || run.metrics()?.value(series);
    let before = wait_for("the room before the first event", room);
    assert!((0.099..0.101).contains(&before), "{before}");
    world.produce((0..3).map(registered)).await;
    has_rows(&world, "users", 3).await;
    let after = wait_for("the room after it", || room().filter(|&room| room < before));
    assert!((0.099..0.101).contains(&after), "{after}");
    let log = run.log();
    assert!(log.contains("users.id: is AUTO_INCREMENT int"), "{log}");
    run.stop();
    world.end().await;
}

/// What a rehearsal cannot do now is waited out.
async fn a_start_on_a_read_only_server_waits(server: Server) {
    let Some(mut world) = world(server).await else { return };
    let own = OwnServer::start(server.name(), &directory("read_only"), |_| ()).await;
    let url = own.url();
    world.url = url.clone();
    world.succeed(&["migrate"]);
    let grant = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON `{}`.* TO small", world.database);
    world.execute_sql(["CREATE USER small IDENTIFIED BY 'small'", &grant]).await;
    world.execute_sql(["SET GLOBAL read_only = 1"]).await;
    world.url = url.replace("sluicegate:sluicegate", "small:small");
    let run = Instance::run(&world, &["--no-migrate", "--until-end"]);
    wait_for("a wait for the server", || run.log().contains(MYSQL_NOT_READY).then_some(()));
    assert!(run.log().contains("1290"), "{}", run.log());
    world.url = url;
    world.execute_sql(["SET GLOBAL read_only = 0"]).await;
    run.finish();
}

/// A table that another session has locked is rehearsed another time.
async fn a_locked_table_holds_no_start_up(server: Server) {
    use sqlx::Executor;
    let Some(world) = world(server).await else { return };
    let mut owner = world.lock("users").await;
    let said = world.succeed(&["check"]);
    assert!(said.contains("users: another session has it locked"), "{said}");
    owner.execute("UNLOCK TABLES").await.unwrap();
    assert!(!world.succeed(&["check"]).contains("WARNING"));
    world.end().await;
}
