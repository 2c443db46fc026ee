//! The table of error classes, held against real servers.

use sluicegate::mysql::retry::{Class, Sender, TABLE};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row as _};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use testkit::{DEADLINE, Server, World};

testkit::on_both_servers!(
    every_number_of_the_table_has_its_class_through_the_driver,
    values_and_schemas_that_do_not_fit,
    servers_that_cannot_now,
    accounts_that_may_not,
    a_packet_that_is_too_large
);

fn number(error: &sqlx::Error) -> u16 {
    let database = error.as_database_error().unwrap_or_else(|| panic!("not the server's: {error}"));
    database.downcast_ref::<MySqlDatabaseError>().number()
}

async fn run(connection: &mut MySqlConnection, statement: &str) -> Result<(), sqlx::Error> {
    connection.execute(AssertSqlSafe(statement.to_owned())).await.map(drop)
}

async fn set_up(connection: &mut MySqlConnection, statements: &[&str]) {
    for statement in statements {
        run(connection, statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// The statement must fail with this number, and that must be of this class.
async fn fails(connection: &mut MySqlConnection, statement: &str, wanted: u16, class: Class) {
    let error = run(connection, statement).await.expect_err(statement);
    assert_eq!((number(&error), Class::of_error(&error)), (wanted, class), "{statement}: {error}");
}

/// A world with a database, and a connection whose session is as a writer's.
async fn world(server: Server) -> Option<(World, MySqlConnection)> {
    let world = World::new(server)?;
    world.product_server().create_database().await.unwrap();
    let connection = world.product_server().connect().await.unwrap();
    Some((world, connection))
}

/// Every number arrives through the driver as what the table says.
async fn every_number_of_the_table_has_its_class_through_the_driver(server: Server) {
    let Some((world, mut connection)) = world(server).await else { return };
    for (wanted, name, _, class) in TABLE {
        let signal = format!("SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {wanted}");
        fails(&mut connection, &signal, *wanted, *class).await;
        assert!(!name.is_empty());
    }
    world.end().await;
}

/// MySQL lists its errors; a name of ours that it lacks would be a wrong number.
#[tokio::test]
async fn mysql_calls_the_errors_as_we_do() {
    let Some((world, mut connection)) = world(Server::MySql).await else { return };
    let rows = connection
        .fetch_all(
            "SELECT CAST(ERROR_NUMBER AS SIGNED), CAST(ERROR_NAME AS CHAR) FROM \
             performance_schema.events_errors_summary_global_by_error WHERE ERROR_NUMBER IS NOT NULL",
        )
        .await
        .unwrap();
    let names: BTreeMap<i64, String> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert!(names.len() > 1_000, "{}", names.len());
    for (number, name, sender, _) in TABLE {
        // It does not list those of the operating system.
        if *number >= 1_000 && matches!(sender, Sender::Both | Sender::MySql) {
            let found = names.get(&i64::from(*number)).map(String::as_str);
            assert_eq!(found, Some(*name), "{number}");
        }
    }
    world.end().await;
}

/// What a list of reasons names, whatever the reason.
fn explained(list: &'static str) -> BTreeSet<&'static str> {
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    let names: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    let set: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(set.len(), names.len(), "a name has two reasons");
    set
}

/// Every error that MySQL has and sends is in the table, or has a reason not to be.
#[tokio::test]
async fn no_error_of_mysql_is_unknown_without_a_reason() {
    let Some((world, mut connection)) = world(Server::MySql).await else { return };
    let explained = explained(include_str!("not_met_mysql.txt"));
    let rows = connection
        .fetch_all(
            "SELECT CAST(ERROR_NUMBER AS SIGNED), CAST(ERROR_NAME AS CHAR) FROM \
             performance_schema.events_errors_summary_global_by_error WHERE ERROR_NUMBER < 10000",
        )
        .await
        .unwrap();
    assert!(rows.len() > 1_000, "{}", rows.len());
    let errors = rows.iter().map(|row| (row.get::<i64, _>(0), row.get::<String, _>(1)));
    let unexplained: Vec<(i64, String)> = errors
        .filter(|(number, name)| {
            let is_known = TABLE.iter().any(|line| i64::from(line.0) == *number);
            !is_known && !explained.contains(name.as_str())
        })
        .collect();
    assert!(unexplained.is_empty(), "in neither list: {unexplained:?}");
    for (_, name, ..) in TABLE {
        assert!(!explained.contains(name), "{name} is in both lists");
    }
    world.end().await;
}

/// The same for the numbers that only MariaDB has, by the file that it takes its messages from.
#[tokio::test]
async fn no_error_of_mariadb_is_unknown_without_a_reason() {
    let Some((world, mut connection)) = world(Server::MariaDb).await else { return };
    let row = connection.fetch_one("SELECT CAST(@@character_sets_dir AS CHAR)").await.unwrap();
    let file = std::path::Path::new(&row.get::<String, _>(0)).join("../english/errmsg.sys");
    let Ok(messages) = std::fs::read(&file) else {
        eprintln!("LEFT OUT: this run's MariaDB is not on this machine");
        return;
    };
    let explained = explained(include_str!("not_met_mariadb.txt"));
    let numbers = error_numbers(&messages);
    assert!(numbers.contains(&1062) && numbers.len() > 1_000, "{}", numbers.len());
    let own =
        numbers.into_iter().filter(|number| (1_900..2_000).contains(number) || *number >= 4_000);
    let unexplained: Vec<u16> = own
        .filter(|number| {
            let is_known = TABLE.iter().any(|line| line.0 == *number);
            !is_known && !explained.contains(number.to_string().as_str())
        })
        .collect();
    assert!(unexplained.is_empty(), "in neither list: {unexplained:?}");
    world.end().await;
}

/// The numbers of MariaDB's file of messages: a header of 32 bytes that tells how many sections
/// there are, then how many errors each has, the first from 1,000 on, the second from 2,000 on.
fn error_numbers(file: &[u8]) -> Vec<u16> {
    let sections = usize::from(file[14]);
    let count =
        |section: usize| u16::from_le_bytes([file[32 + 2 * section], file[33 + 2 * section]]);
    let numbers = |section: usize| {
        let first = u16::try_from(1_000 * (section + 1)).unwrap();
        first..first + count(section)
    };
    (0..sections).flat_map(numbers).collect()
}

async fn values_and_schemas_that_do_not_fit(server: Server) {
    use Class::{Data, Schema};
    let Some((world, mut connection)) = world(server).await else { return };
    let mysql = server == Server::MySql;
    set_up(
        &mut connection,
        &[
            "CREATE TABLE t (id INT PRIMARY KEY, n TINYINT NOT NULL, s VARCHAR(3), \
                 e ENUM('a', 'b'), d DATETIME(6), j JSON, u INT UNIQUE, CHECK (n < 100)) \
                 CHARACTER SET utf8mb4",
            "INSERT INTO t (id, n, u) VALUES (1, 1, 1)",
            "CREATE TABLE child (id INT, FOREIGN KEY (id) REFERENCES t (id))",
            "INSERT INTO child VALUES (1)",
            "CREATE TABLE triggered (id INT)",
            "CREATE TRIGGER refuse BEFORE INSERT ON triggered FOR EACH ROW \
                 SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'",
            "CREATE TABLE parts (id INT) PARTITION BY RANGE (id) \
                 (PARTITION p VALUES LESS THAN (10))",
            "CREATE TABLE old (s VARCHAR(9)) CHARACTER SET latin1",
        ],
    )
    .await;
    for (statement, wanted, class) in [
        ("INSERT INTO nowhere VALUES (1)", 1146, Schema),
        ("INSERT INTO t (missing) VALUES (1)", 1054, Schema),
        ("INSERT INTO t (id) VALUES (2)", 1364, Schema),
        ("INSERT INTO t (id, n) VALUES (2)", 1136, Schema),
        ("DELETE t FROM t FORCE INDEX (none) WHERE id = 1", 1176, Schema),
        ("USE nowhere_at_all", 1049, Schema),
        ("INSERT INTO child VALUES (9)", 1452, Schema),
        ("DELETE FROM t WHERE id = 1", 1451, Schema),
        ("INSERT INTO parts VALUES (10)", 1526, Data),
        ("INSERT INTO t (id, n) VALUES (2, NULL)", 1048, Data),
        ("INSERT INTO t (id, n, s) VALUES (2, 2, 'long')", 1406, Data),
        ("INSERT INTO t (id, n) VALUES (2, 200)", 1264, Data),
        ("INSERT INTO t (id, n, e) VALUES (2, 2, 'c')", 1265, Data),
        ("INSERT INTO t (id, n, d) VALUES (2, 2, '2025-02-30')", 1292, Data),
        ("INSERT INTO t (id, n, s) VALUES (2, 2, x'FF')", 1366, Data),
        ("INSERT INTO t (id, n, u) VALUES (2, 2, 1)", 1062, Data),
        ("INSERT INTO t (id, n, j) VALUES (2, 2, '{')", if mysql { 3140 } else { 4025 }, Data),
        ("INSERT INTO t (id, n) VALUES (2, 100)", if mysql { 3819 } else { 4025 }, Data),
        ("INSERT INTO triggered VALUES (1)", 1644, Data),
        ("INSERT INTO old VALUES ('😀')", 1366, Data),
    ] {
        fails(&mut connection, statement, wanted, class).await;
    }
    world.end().await;
}

async fn servers_that_cannot_now(server: Server) {
    use Class::{Contention, Outage};
    let Some((world, mut connection)) = world(server).await else { return };
    let mysql = server == Server::MySql;
    let mut other = world.product_server().connect().await.unwrap();
    set_up(
        &mut connection,
        &["CREATE TABLE t (id INT PRIMARY KEY, n INT)", "INSERT INTO t VALUES (1, 1), (2, 2)"],
    )
    .await;

    set_up(&mut connection, &["START TRANSACTION READ ONLY"]).await;
    fails(&mut connection, "INSERT INTO t VALUES (3, 3)", 1792, Outage).await;
    set_up(&mut connection, &["ROLLBACK"]).await;

    let (statement, wanted) = if mysql {
        set_up(&mut connection, &["SET SESSION max_execution_time = 20"]).await;
        (
            "SELECT COUNT(*) FROM information_schema.COLLATIONS a, information_schema.COLLATIONS b, information_schema.COLLATIONS c",
            3024,
        )
    } else {
        ("SET STATEMENT max_statement_time = 0.02 FOR SELECT SLEEP(60)", 1969)
    };
    fails(&mut connection, statement, wanted, Outage).await;
    if mysql {
        set_up(&mut connection, &["SET SESSION max_execution_time = 0"]).await;
    }

    // A row that another session holds.
    set_up(&mut other, &["START TRANSACTION", "UPDATE t SET n = 3 WHERE id = 1"]).await;
    let wanted = if mysql { 3572 } else { 1205 };
    let nowait = "SELECT * FROM t WHERE id = 1 FOR UPDATE NOWAIT";
    fails(&mut connection, nowait, wanted, Contention).await;
    set_up(&mut connection, &["SET SESSION innodb_lock_wait_timeout = 1"]).await;
    fails(&mut connection, "UPDATE t SET n = 4 WHERE id = 1", 1205, Contention).await;

    killed_while_waiting(&world, &mut connection).await;
    deadlock(&mut connection, &mut other).await;

    // A connection that is killed says nothing, or why.
    let id = connection_id(&mut other).await;
    set_up(&mut connection, &[&format!("KILL {id}")]).await;
    let error = run(&mut other, "SELECT 1").await.expect_err("a killed connection");
    assert_eq!(Class::of_error(&error), Class::Connection, "{error}");
    world.end().await;
}

async fn connection_id(connection: &mut MySqlConnection) -> u64 {
    let row = connection.fetch_one("SELECT CAST(CONNECTION_ID() AS SIGNED)").await.unwrap();
    u64::try_from(row.get::<i64, _>(0)).unwrap()
}

/// Another session holds row 1 of `t`; a statement that waits for it is killed.
async fn killed_while_waiting(world: &World, connection: &mut MySqlConnection) {
    let id = connection_id(connection).await;
    let mut killer = world.product_server().connect().await.unwrap();
    set_up(connection, &["SET SESSION innodb_lock_wait_timeout = 100"]).await;
    let kill = format!("KILL QUERY {id}");
    let killing = async {
        // A kill that comes before the statement hits nothing.
        loop {
            set_up(&mut killer, &[&kill]).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = fails(connection, "UPDATE t SET n = 4 WHERE id = 1", 1317, Class::Outage) => {}
        () = killing => {}
        () = tokio::time::sleep(DEADLINE) => panic!("not killed after {DEADLINE:?}"),
    }
    // A kill may still be on its way, and hits at most one more statement.
    let _ = run(connection, "DO 0").await;
}

/// `other` holds row 1 of `t`.
async fn deadlock(connection: &mut MySqlConnection, other: &mut MySqlConnection) {
    set_up(connection, &["START TRANSACTION", "UPDATE t SET n = 5 WHERE id = 2"]).await;
    let (one, two) = tokio::join!(run(connection, "UPDATE t SET n = 5 WHERE id = 1"), async {
        let result = run(other, "UPDATE t SET n = 6 WHERE id = 2").await;
        // The survivor lets go of its rows.
        set_up(other, &["ROLLBACK"]).await;
        result
    });
    let error = one.and(two).expect_err("one of them must give way");
    assert_eq!((number(&error), Class::of_error(&error)), (1213, Class::Contention), "{error}");
    set_up(connection, &["ROLLBACK"]).await;
}

async fn accounts_that_may_not(server: Server) {
    let Some((world, mut connection)) = world(server).await else { return };
    let (user, database) = (testkit::unique("nobody"), &world.database);
    set_up(
        &mut connection,
        &[
            "CREATE TABLE t (id INT, n INT)",
            &format!("CREATE USER {user}@'%' IDENTIFIED BY 'secret'"),
            &format!("GRANT SELECT (id) ON {database}.t TO {user}@'%'"),
        ],
    )
    .await;
    let options: MySqlConnectOptions = world.url.parse().unwrap();
    let login = |password: &str| {
        let options = options.clone().disable_statement_logging();
        options.username(&user).password(password)
    };
    let error = login("wrong").connect().await.expect_err("a wrong password");
    assert_eq!((number(&error), Class::of_error(&error)), (1045, Class::Grant), "{error}");
    let mut nobody = login("secret").database(database).connect().await.unwrap();
    for (statement, wanted) in [
        ("INSERT INTO t VALUES (1, 1)", 1142),
        ("SELECT n FROM t", 1143),
        ("USE mysql", 1044),
        ("SET GLOBAL max_connections = 100", 1227),
    ] {
        fails(&mut nobody, statement, wanted, Class::Grant).await;
    }
    nobody.close().await.unwrap();
    let lock = format!("ALTER USER {user}@'%' ACCOUNT LOCK");
    set_up(&mut connection, &[&lock]).await;
    let error = login("secret").connect().await.expect_err("a locked account");
    let wanted = if server == Server::MySql { 3118 } else { 4151 };
    assert_eq!((number(&error), Class::of_error(&error)), (wanted, Class::Grant), "{error}");
    set_up(&mut connection, &[&format!("DROP USER {user}@'%'")]).await;
    world.end().await;
}

/// Too large for the server: it says so or hangs up before it has heard all of it.
async fn a_packet_that_is_too_large(server: Server) {
    let Some((world, mut connection)) = world(server).await else { return };
    let row = connection.fetch_one("SELECT CAST(@@max_allowed_packet AS SIGNED)").await.unwrap();
    let limit = usize::try_from(row.get::<i64, _>(0)).unwrap();
    let statement = format!("SELECT '{}'", "x".repeat(limit));
    let error = run(&mut connection, &statement).await.expect_err("too large");
    match Class::of_error(&error) {
        Class::Outage => assert_eq!(number(&error), 1153, "{error}"),
        class => assert_eq!(class, Class::Connection, "{error}"),
    }
    world.end().await;
}
