//! The session is ours: whatever the server's defaults are, the tables are those of the fold.

use super::lifecycles;
use loadgen::TOPICS;
use sluicegate::commands::check::SCHEMA_FITS;
use sluicegate::mysql::session::{Decision, VARIABLES};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor, Row as _};
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::tables::{self, assert_table};
use testkit::world::said;
use testkit::{Instance, OwnServer, Server, World, fold, servers, unique};

testkit::on_both_servers!(
    every_session_variable_of_the_server_is_decided,
    hostile_defaults_do_not_show_in_the_tables,
    an_account_that_may_not_set_a_variable_is_told_which,
    waits_for_locks_are_limited_by_our_setting
);

/// A session variable as the server describes it.
struct Variable {
    name: String,
    ty: String,
    least: Option<String>,
    values: Option<String>,
    /// Whether there is a global default that a session inherits.
    is_global: bool,
}

async fn variables(connection: &mut MySqlConnection, server: Server) -> Vec<Variable> {
    let query = match server {
        Server::MySql => {
            "SELECT CAST(VARIABLE_NAME AS CHAR), CAST(DATA_TYPE AS CHAR), CAST(MIN_VALUE AS CHAR), \
             CAST(NULL AS CHAR), CAST(VARIABLE_SCOPE = 'SESSION' AS SIGNED) \
             FROM performance_schema.variables_metadata \
             WHERE VARIABLE_SCOPE IN ('SESSION', 'SESSION_ONLY')"
        }
        Server::MariaDb => {
            "SELECT CAST(VARIABLE_NAME AS CHAR), CAST(VARIABLE_TYPE AS CHAR), \
             CAST(NUMERIC_MIN_VALUE AS CHAR), CAST(ENUM_VALUE_LIST AS CHAR), \
             CAST(VARIABLE_SCOPE = 'SESSION' AND READ_ONLY = 'NO' AS SIGNED) \
             FROM information_schema.SYSTEM_VARIABLES \
             WHERE VARIABLE_SCOPE IN ('SESSION', 'SESSION ONLY')"
        }
    };
    let rows = connection.fetch_all(query).await.unwrap();
    let variable = |row: &sqlx::mysql::MySqlRow| Variable {
        name: row.get::<String, _>(0).to_ascii_lowercase(),
        ty: row.get::<String, _>(1).to_ascii_lowercase(),
        least: row.get(2),
        values: row.get(3),
        is_global: row.get::<i64, _>(4) == 1,
    };
    rows.iter().map(variable).collect()
}

fn decision(name: &str) -> Option<Decision> {
    let found = VARIABLES.iter().find(|(known, _)| *known == name);
    found.map(|(_, decision)| *decision)
}

async fn every_session_variable_of_the_server_is_decided(server: Server) {
    let Some(world) = World::new(server) else { return };
    let all = variables(&mut world.admin().await, server).await;
    assert!(all.len() > 150, "{}", all.len());
    let unknown: Vec<&str> = all
        .iter()
        .map(|variable| variable.name.as_str())
        .filter(|name| decision(name).is_none())
        .collect();
    assert!(
        unknown.is_empty(),
        "{} has session variables that the table does not know: {unknown:?}",
        server.name()
    );
}

/// Values that do most harm; whatever is not here gets one by its type.
const HOSTILE: &[(&str, &str)] = &[
    ("character_set_client", "'latin1'"),
    ("character_set_connection", "'latin1'"),
    ("character_set_results", "'latin1'"),
    ("character_set_server", "'latin1'"),
    ("character_set_database", "'latin1'"),
    ("collation_connection", "'latin1_german2_ci'"),
    ("collation_server", "'latin1_german2_ci'"),
    ("collation_database", "'latin1_german2_ci'"),
    ("completion_type", "'RELEASE'"),
    ("binlog_format", "'STATEMENT'"),
    ("binlog_row_image", "'MINIMAL'"),
    ("default_storage_engine", "'MyISAM'"),
    ("default_tmp_storage_engine", "'MyISAM'"),
    ("storage_engine", "'MyISAM'"),
    ("lc_messages", "'fr_FR'"),
    ("lc_time_names", "'fr_FR'"),
    ("max_join_size", "1"),
    ("max_statement_time", "0.05"),
    ("max_execution_time", "1"),
    ("sql_mode", "'ANSI,NO_BACKSLASH_ESCAPES,NO_AUTO_VALUE_ON_ZERO,PAD_CHAR_TO_FULL_LENGTH'"),
    ("sql_select_limit", "1"),
    ("time_zone", "'+13:00'"),
    ("transaction_isolation", "'SERIALIZABLE'"),
    ("tx_isolation", "'SERIALIZABLE'"),
    ("idle_transaction_timeout", "1"),
    ("idle_write_transaction_timeout", "1"),
    ("idle_readonly_transaction_timeout", "1"),
    ("in_predicate_conversion_threshold", "2"),
    ("information_schema_stats_expiry", "31536000"),
    ("range_optimizer_max_mem_size", "1"),
    ("system_versioning_asof", "'2001-01-01 00:00:00'"),
    ("innodb_lock_wait_timeout", "1"),
    ("max_sort_length", "64"),
    (
        "optimizer_switch",
        "'index_merge=off,mrr=off,derived_merge=off,materialization=off,semijoin=off'",
    ),
];

/// What is left as it is, and why.
const LEFT: &[(&str, &str)] = &[
    ("wsrep_on", "the server is not in a cluster, and refuses all writes then"),
    ("wsrep_osu_method", "as wsrep_on"),
    ("wsrep_trx_fragment_size", "as wsrep_on"),
    ("wsrep_trx_fragment_unit", "as wsrep_on"),
    ("wsrep_causal_reads", "as wsrep_on"),
    ("group_replication_consistency", "the server is not in a group"),
    ("optimizer_trace", "needs more than one value"),
    ("sql_log_bin", "has no global"),
    ("tcp_nodelay", "has no global"),
    ("default_table_encryption", "the server has no keyring"),
    ("external_table_storage_engine", "no such engine"),
    ("external_table_secondary_storage_engine", "no such engine"),
    ("gtid_owned", "read-only"),
    ("innodb_tmpdir", "a path"),
    ("innodb_ft_user_stopword_table", "a table's name"),
    ("myisam_stats_method", "no words of it"),
    ("server_id", "replication"),
];

/// What a value of the other kind looks like; none if the variable is left alone.
fn hostile(variable: &Variable, value: &str) -> Option<String> {
    let name = variable.name.as_str();
    let is_limit = matches!(decision(name), Some(Decision::Limit));
    if !variable.is_global || is_limit || LEFT.iter().any(|(left, _)| *left == name) {
        return None;
    }
    if let Some((_, hostile)) = HOSTILE.iter().find(|(known, _)| *known == name) {
        return Some((*hostile).to_owned());
    }
    match variable.ty.as_str() {
        "boolean" => Some(if value == "ON" { "OFF" } else { "ON" }.to_owned()),
        "enum" | "enumeration" => {
            let mut others = variable.values.as_deref()?.split(',');
            others
                .find(|other| !other.eq_ignore_ascii_case(value))
                .map(|other| format!("'{other}'"))
        }
        "set" | "flagset" | "varchar" | "string" => None,
        _ => variable.least.clone(),
    }
}

/// A server of the test's own whose every session default is hostile; gives how many were set.
async fn make_hostile(
    connection: &mut MySqlConnection,
    server: Server,
) -> BTreeMap<String, String> {
    let all = variables(connection, server).await;
    let shown = connection.fetch_all("SHOW GLOBAL VARIABLES").await.unwrap();
    let text = |row: &sqlx::mysql::MySqlRow, at| {
        String::from_utf8_lossy(&row.get_unchecked::<Vec<u8>, _>(at)).into_owned()
    };
    let values: BTreeMap<String, String> =
        shown.iter().map(|row| (text(row, 0).to_ascii_lowercase(), text(row, 1))).collect();
    let (mut set, mut refused) = (BTreeMap::new(), Vec::new());
    for variable in &all {
        let value = values.get(&variable.name).map_or("", String::as_str);
        let is_left = LEFT.iter().any(|(left, _)| *left == variable.name);
        let Some(hostile) = hostile(variable, value) else {
            let is_pinned =
                !matches!(decision(&variable.name), Some(Decision::Harmless | Decision::Limit));
            assert!(!is_pinned || is_left || !variable.is_global, "{} is pinned", variable.name);
            continue;
        };
        let statement = format!("SET GLOBAL {} = {hostile}", variable.name);
        match connection.execute(AssertSqlSafe(statement)).await {
            Ok(_) => drop(set.insert(variable.name.clone(), hostile)),
            Err(error) => refused.push(format!("{} = {hostile}: {error}", variable.name)),
        }
    }
    assert!(refused.is_empty(), "{}: {refused:#?}", server.name());
    set
}

/// A world on a server that ends with the test.
async fn own(server: Server) -> Option<(World, OwnServer)> {
    let mut world = World::new(server)?;
    let directory = servers::directory("session");
    let own = OwnServer::start(server.name(), &directory, |command| {
        // So that the format of the binlog matters on both.
        command.args(["--log-bin=binlog", "--server-id=7"]);
    })
    .await;
    world.url = own.url();
    Some((world, own))
}

async fn hostile_defaults_do_not_show_in_the_tables(server: Server) {
    let Some((world, _own)) = own(server).await else { return };
    let set = make_hostile(&mut world.admin().await, server).await;
    eprintln!("{}: {} hostile defaults", server.name(), set.len());
    world.create_topics(&TOPICS, 2).await;
    let messages = lifecycles(3_000);
    let expected = fold::of(&messages, server);
    world.produce(messages).await;
    let log = Instance::until_end(&world).finish();
    assert!(!log.contains("flush: failed"), "{}: {log}", server.name());
    let check = world.succeed(&["check"]);
    assert!(check.contains(SCHEMA_FITS), "{check}");
    // Read with plain defaults.
    let mut admin = world.connect().await;
    for name in set.keys() {
        let back = format!("SET SESSION {name} = DEFAULT");
        let _ = admin.execute(AssertSqlSafe(back)).await;
    }
    calm(&mut admin, &world.database).await;
    for (table, rows) in &expected.tables {
        let found = tables::rows(&mut admin, table).await;
        assert_table(server.name(), table, &found, rows);
    }
}

/// A session that reads as the tests' own sessions do.
async fn calm(connection: &mut MySqlConnection, database: &str) {
    for statement in [
        "SET SESSION sql_select_limit = 18446744073709551615, sql_big_selects = 1",
        "SET SESSION sql_mode = '', time_zone = '+00:00'",
        "SET NAMES utf8mb4",
        "SET SESSION completion_type = 0, autocommit = 1",
        &format!("USE `{database}`"),
    ] {
        connection.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
    }
    for name in ["max_statement_time", "max_execution_time", "idle_transaction_timeout"] {
        let _ = connection.execute(AssertSqlSafe(format!("SET SESSION {name} = 0"))).await;
    }
}

/// An account without privileges beyond its tables: nothing is asked for that is right already,
/// and what it may not set is named.
async fn an_account_that_may_not_set_a_variable_is_told_which(server: Server) {
    let Some((world, _own)) = own(server).await else { return };
    let mut admin = world.admin().await;
    let user = unique("plain");
    for statement in [
        format!("CREATE USER {user}@'%' IDENTIFIED BY 'secret'"),
        format!(
            "GRANT CREATE, ALTER, INDEX, SELECT, INSERT, UPDATE, DELETE ON `{}`.* TO {user}@'%'",
            world.database
        ),
    ] {
        admin.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let run = || {
        let mut command = world.command();
        command.env("MYSQL_USER", &user).env("MYSQL_PASSWORD", "secret").arg("migrate");
        command.output().unwrap()
    };
    let output = run();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    admin.execute("SET GLOBAL binlog_format = 'STATEMENT'").await.unwrap();
    let output = run();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("the session variable binlog_format is STATEMENT but must be 'ROW'")
            && said.contains("SET GLOBAL binlog_format = 'ROW'"),
        "{said}"
    );
}

/// Five seconds by default, not the server's fifty or its year, for rows as for tables.
async fn waits_for_locks_are_limited_by_our_setting(server: Server) {
    let Some(world) = World::new(server) else { return };
    world.product_server().create_database().await.unwrap();
    let mut product = world.product_server();
    product.lock_wait_timeout = Duration::from_secs(1);
    let mut connection = product.connect().await.unwrap();
    let mut other = world.connect().await;
    for statement in ["CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)"] {
        other.execute(statement).await.unwrap();
    }
    for hold in ["START TRANSACTION; SELECT * FROM t FOR UPDATE", "LOCK TABLES t WRITE"] {
        other.execute(hold).await.unwrap();
        let error = connection.execute("DELETE FROM t WHERE id = 1").await.unwrap_err();
        assert_eq!(sluicegate::mysql::number_of(&error), 1205, "{hold}: {error}");
        other.execute("UNLOCK TABLES; ROLLBACK").await.unwrap();
    }
    world.end().await;
}

/// `MySqlConnectOptions` of an account on a world's server.
fn account(world: &World, user: &str, password: &str) -> MySqlConnectOptions {
    world.options().username(user).password(password)
}

/// A login plugin that the driver lacks ends the start; it is not waited out as a lost connection.
#[tokio::test]
async fn a_login_plugin_that_the_driver_lacks_is_named() {
    let Some((world, _own)) = own(Server::MariaDb).await else { return };
    let mut admin = world.admin().await;
    if let Err(error) = admin.execute("INSTALL SONAME 'auth_ed25519'").await {
        eprintln!("LEFT OUT: this MariaDB has no ed25519: {error}");
        return;
    }
    let user = unique("modern");
    let create = format!("CREATE USER {user}@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret')");
    admin.execute(AssertSqlSafe(create)).await.unwrap();
    assert!(account(&world, &user, "secret").connect().await.is_err());
    for command in [["run", "--until-end"].as_slice(), &["migrate"], &["check"]] {
        let mut execute = world.command();
        execute.env("MYSQL_USER", &user).env("MYSQL_PASSWORD", "secret").args(command);
        let output = execute.output().unwrap();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
        assert!(said.contains("authentication plugin client_ed25519"), "{command:?}: {said}");
    }
    admin.close().await.unwrap();
}
