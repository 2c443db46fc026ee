//! The queries to `information_schema`.

mod views;

use super::live::{
    ForeignKey, KeyPart, LiveColumn, LiveIds, LiveKey, LiveSchema, LiveServer, LiveTable,
    Partitions,
};
use super::{ddl, ids, quoted};
use crate::dead_letter;
use crate::ledger;
use crate::mapping::Mapping;
use crate::mysql::Class;
use crate::mysql::Dialect;
use crate::mysql::server_facts;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Executor, Row};
use std::collections::BTreeMap;

type Tables = BTreeMap<String, LiveTable>;

/// Reads the mapped tables and `dead_letters` in the connection's database.
///
/// # Errors
/// If a query fails.
pub async fn read(
    connection: &mut MySqlConnection,
    mapping: &Mapping,
) -> Result<LiveSchema, sqlx::Error> {
    let facts = server_facts(connection).await?;
    if facts.dialect == Dialect::MySql {
        // Otherwise the next id may be a day old.
        connection.execute("SET SESSION information_schema_stats_expiry = 0").await?;
    }
    let server = server(connection, facts.dialect, &facts.version).await?;
    let (mut tables, last_ids) = tables(connection, mapping).await?;
    columns(connection, mapping, facts.dialect, &mut tables).await?;
    keys(connection, mapping, facts.dialect, &mut tables).await?;
    foreign_keys(connection, &mut tables).await?;
    rules(connection, facts.dialect, &mut tables).await?;
    partitions(connection, &mut tables).await?;
    for (name, table) in &mut tables {
        read_ids(connection, name, table, last_ids.get(name).copied().unwrap_or(0)).await?;
    }
    let views = views::views(connection, mapping).await?;
    Ok(LiveSchema { tables, views, server })
}

fn text(row: &MySqlRow, index: usize) -> Result<String, sqlx::Error> {
    Ok(row.try_get::<Option<String>, _>(index)?.unwrap_or_default())
}

fn flag(row: &MySqlRow, index: usize) -> Result<bool, sqlx::Error> {
    Ok(row.try_get::<Option<i64>, _>(index)? == Some(1))
}

async fn server(
    connection: &mut MySqlConnection,
    dialect: Dialect,
    version: &str,
) -> Result<LiveServer, sqlx::Error> {
    let now = connection.fetch_one("SELECT CAST(UNIX_TIMESTAMP() AS SIGNED)").await?;
    Ok(LiveServer {
        dialect,
        now: now.try_get(0)?,
        timestamp_ends: dialect.timestamp_ends(version),
    })
}

/// The mapped tables, and the last id of each by the server's counter.
async fn tables(
    connection: &mut MySqlConnection,
    mapping: &Mapping,
) -> Result<(Tables, BTreeMap<String, u64>), sqlx::Error> {
    let rows = connection
        .fetch_all(
            "SELECT CAST(t.TABLE_NAME AS CHAR), CAST(t.ENGINE AS CHAR), e.TRANSACTIONS = 'YES', \
             t.TABLE_TYPE = 'VIEW', CAST(t.AUTO_INCREMENT AS CHAR), CAST(t.TABLE_ROWS AS CHAR) \
             FROM information_schema.TABLES AS t \
             LEFT JOIN information_schema.ENGINES AS e ON e.ENGINE = t.ENGINE \
             WHERE t.TABLE_SCHEMA = DATABASE()",
        )
        .await?;
    let (mut tables, mut last_ids) = (Tables::new(), BTreeMap::new());
    for row in rows {
        let name = text(&row, 0)?;
        let own = [dead_letter::TABLE, ledger::PROGRESS, ledger::WRITERS, ledger::TOPICS];
        let is_ours = own.contains(&&*name);
        if mapping.table(&name).is_none() && !is_ours {
            continue;
        }
        let table = LiveTable {
            engine: text(&row, 1)?,
            is_transactional: flag(&row, 2)?,
            is_view: flag(&row, 3)?,
            rows: text(&row, 5)?.parse().unwrap_or(0),
            ..LiveTable::default()
        };
        let next: u64 = text(&row, 4)?.parse().unwrap_or(1);
        last_ids.insert(name.clone(), next.saturating_sub(1));
        tables.insert(name, table);
    }
    Ok((tables, last_ids))
}

async fn columns(
    connection: &mut MySqlConnection,
    mapping: &Mapping,
    dialect: Dialect,
    tables: &mut Tables,
) -> Result<(), sqlx::Error> {
    let rows = connection
        .fetch_all(
            "SELECT CAST(TABLE_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR), CAST(DATA_TYPE AS CHAR), \
             CAST(COLUMN_TYPE AS CHAR), CAST(CHARACTER_MAXIMUM_LENGTH AS SIGNED), \
             CAST(CHARACTER_OCTET_LENGTH AS SIGNED), CAST(DATETIME_PRECISION AS SIGNED), \
             CAST(NUMERIC_PRECISION AS SIGNED), CAST(NUMERIC_SCALE AS SIGNED), \
             CAST(CHARACTER_SET_NAME AS CHAR), CAST(COLLATION_NAME AS CHAR), IS_NULLABLE = 'YES', \
             CAST(COLUMN_DEFAULT AS CHAR), CAST(EXTRA AS CHAR), CAST(COLUMN_COMMENT AS CHAR), \
             COALESCE(GENERATION_EXPRESSION, '') <> '' \
             FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()",
        )
        .await?;
    for row in rows {
        let name = text(&row, 0)?;
        let Some(table) = tables.get_mut(&name) else { continue };
        let found = as_mapped(mapping, &name, text(&row, 1)?);
        table.columns.insert(found, column(&row, dialect)?);
    }
    Ok(())
}

/// A column's name as the mapping spells it: to a server `User_ID` and `user_id` are the same.
fn as_mapped(mapping: &Mapping, table: &str, column: String) -> String {
    let mut names: Vec<&str> =
        if table == dead_letter::TABLE { dead_letter::COLUMNS.to_vec() } else { Vec::new() };
    if let Some(id) = mapping.table(table) {
        names.extend(mapping.tables[id].columns.iter().map(|spec| spec.name.as_str()));
    }
    let same = names.into_iter().find(|name| name.eq_ignore_ascii_case(&column));
    same.map(str::to_owned).unwrap_or(column)
}

fn column(row: &MySqlRow, dialect: Dialect) -> Result<LiveColumn, sqlx::Error> {
    let number = |index| row.try_get::<Option<i64>, _>(index);
    let (extra, nullable) = (text(row, 13)?, flag(row, 11)?);
    let has = |what: &str| extra.to_ascii_lowercase().contains(what);
    let charset: Option<String> = row.try_get(9)?;
    let on_update =
        extra.to_ascii_lowercase().find("on update ").map(|at| extra[at + 10..].to_owned());
    let is_generated = flag(row, 15)? || has("virtual generated") || has("stored generated");
    let default: Option<String> = row.try_get(12)?;
    Ok(LiveColumn {
        data_type: text(row, 2)?.to_ascii_lowercase(),
        column_type: text(row, 3)?,
        length: number(4)?,
        octets: number(5)?,
        precision: number(6)?,
        digits: number(7)?.zip(number(8)?),
        collation: charset.zip(row.try_get(10)?),
        nullable,
        is_generated,
        is_auto_increment: has("auto_increment"),
        default: default.and_then(|text| default_sql(text, dialect, &extra)),
        on_update: on_update
            .map(|sql| sql.replace("INVISIBLE", "").trim_end_matches([',', ' ']).to_owned()),
        is_invisible: has("invisible"),
        comment: text(row, 14)?,
        check: None,
    })
}

/// A default as SQL. MariaDB reports SQL; MySQL reports a value, or an expression with escaped quotes.
fn default_sql(text: String, dialect: Dialect, extra: &str) -> Option<String> {
    let is_now = |sql: &str| sql.to_ascii_lowercase().starts_with("current_timestamp");
    match dialect {
        Dialect::MariaDb if text == "NULL" => None,
        Dialect::MariaDb => Some(text),
        Dialect::MySql if is_now(&text) => Some(text),
        Dialect::MySql if extra.contains("DEFAULT_GENERATED") => {
            Some(format!("({})", text.replace("\\'", "'")))
        }
        Dialect::MySql => Some(ddl::literal(&text)),
    }
}

async fn keys(
    connection: &mut MySqlConnection,
    mapping: &Mapping,
    dialect: Dialect,
    tables: &mut Tables,
) -> Result<(), sqlx::Error> {
    let is_visible = match dialect {
        Dialect::MySql => "IS_VISIBLE = 'YES'",
        Dialect::MariaDb => "IGNORED = 'NO'",
    };
    let select = format!(
        "SELECT CAST(TABLE_NAME AS CHAR), CAST(INDEX_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR), \
         CAST(SUB_PART AS SIGNED), INDEX_TYPE = 'BTREE', {is_visible} \
         FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0 \
         ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
    );
    for row in connection.fetch_all(AssertSqlSafe(select)).await? {
        let name = text(&row, 0)?;
        let Some(table) = tables.get_mut(&name) else { continue };
        let column: Option<String> = row.try_get(2)?;
        let column = column.map(|column| as_mapped(mapping, &name, column));
        let part = match (column, row.try_get::<Option<i64>, _>(3)?) {
            (Some(column), None) => KeyPart::Column(column),
            (Some(column), Some(length)) => KeyPart::Prefix(column, length),
            (None, _) => KeyPart::Expression,
        };
        let LiveKey { parts, is_tree, is_visible } =
            table.unique_keys.entry(text(&row, 1)?).or_default();
        parts.push(part);
        (*is_tree, *is_visible) = (flag(&row, 4)?, flag(&row, 5)?);
    }
    Ok(())
}

async fn foreign_keys(
    connection: &mut MySqlConnection,
    tables: &mut Tables,
) -> Result<(), sqlx::Error> {
    let rows = connection
        .fetch_all(
            "SELECT CAST(CONSTRAINT_NAME AS CHAR), \
             CAST(IF(TABLE_SCHEMA = DATABASE(), TABLE_NAME, CONCAT(TABLE_SCHEMA, '.', TABLE_NAME)) AS CHAR), \
             CAST(IF(REFERENCED_TABLE_SCHEMA = DATABASE(), REFERENCED_TABLE_NAME, \
                CONCAT(REFERENCED_TABLE_SCHEMA, '.', REFERENCED_TABLE_NAME)) AS CHAR) \
             FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_NAME IS NOT NULL \
             AND (TABLE_SCHEMA = DATABASE() OR REFERENCED_TABLE_SCHEMA = DATABASE())",
        )
        .await?;
    for row in rows {
        let (name, from, to) = (text(&row, 0)?, text(&row, 1)?, text(&row, 2)?);
        if let Some(table) = tables.get_mut(&from) {
            let key = ForeignKey { name: name.clone(), is_from: true, other: to.clone() };
            table.foreign_keys.insert(key);
        }
        if let Some(table) = tables.get_mut(&to) {
            table.foreign_keys.insert(ForeignKey { name, is_from: false, other: from });
        }
    }
    Ok(())
}

async fn rules(
    connection: &mut MySqlConnection,
    dialect: Dialect,
    tables: &mut Tables,
) -> Result<(), sqlx::Error> {
    let triggers = connection
        .fetch_all(
            "SELECT CAST(EVENT_OBJECT_TABLE AS CHAR), CAST(TRIGGER_NAME AS CHAR) \
             FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = DATABASE()",
        )
        .await?;
    for row in triggers {
        if let Some(table) = tables.get_mut(&text(&row, 0)?) {
            table.triggers.insert(text(&row, 1)?);
        }
    }
    let checks = match dialect {
        Dialect::MySql => {
            "SELECT CAST(TABLE_NAME AS CHAR), CAST(CONSTRAINT_NAME AS CHAR), '' \
             FROM information_schema.TABLE_CONSTRAINTS WHERE TABLE_SCHEMA = DATABASE() \
             AND CONSTRAINT_TYPE = 'CHECK' AND ENFORCED = 'YES'"
        }
        Dialect::MariaDb => {
            "SELECT CAST(TABLE_NAME AS CHAR), CAST(CONSTRAINT_NAME AS CHAR), \
             CAST(IF(LEVEL = 'Column', CHECK_CLAUSE, '') AS CHAR) \
             FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()"
        }
    };
    for row in connection.fetch_all(checks).await? {
        let Some(table) = tables.get_mut(&text(&row, 0)?) else { continue };
        let (name, of_column) = (text(&row, 1)?, text(&row, 2)?);
        if !of_column.starts_with("json_valid(") {
            table.checks.insert(name.clone());
        }
        if let Some(column) = table.columns.get_mut(&name).filter(|_| !of_column.is_empty()) {
            column.check = Some(of_column);
        }
    }
    Ok(())
}

async fn partitions(
    connection: &mut MySqlConnection,
    tables: &mut Tables,
) -> Result<(), sqlx::Error> {
    let rows = connection
        .fetch_all(
            "SELECT CAST(TABLE_NAME AS CHAR), CAST(PARTITION_METHOD AS CHAR), \
             CAST(PARTITION_EXPRESSION AS CHAR), \
             CAST(IF(PARTITION_EXPRESSION LIKE 'to_days(%' AND PARTITION_DESCRIPTION <> 'MAXVALUE', \
                FROM_DAYS(PARTITION_DESCRIPTION), PARTITION_DESCRIPTION) AS CHAR) \
             FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = DATABASE() \
             AND PARTITION_NAME IS NOT NULL ORDER BY TABLE_NAME, PARTITION_ORDINAL_POSITION",
        )
        .await?;
    // A table's last partition overwrites the ones before it.
    for row in rows {
        let Some(table) = tables.get_mut(&text(&row, 0)?) else { continue };
        let (method, description) = (text(&row, 1)?, text(&row, 3)?);
        let ends = method.starts_with("RANGE") && !description.contains("MAXVALUE");
        let expression = text(&row, 2)?;
        let end = ends.then_some(description);
        table.partitions = Some(Partitions { method, expression, end });
    }
    Ok(())
}

/// Reads the last id: the greater of the server's counter and the rows' maximum, since each may be
/// ahead of the other.
async fn read_ids(
    connection: &mut MySqlConnection,
    name: &str,
    table: &mut LiveTable,
    counted: u64,
) -> Result<(), sqlx::Error> {
    let found = table.columns.iter().find(|(_, column)| column.is_auto_increment);
    let Some((column, live)) = found else { return Ok(()) };
    let Some(greatest) = ids::greatest(&live.column_type) else { return Ok(()) };
    let select = format!("SELECT CAST(MAX({}) AS CHAR) FROM {}", quoted(column), quoted(name));
    let last = match connection.fetch_one(AssertSqlSafe(select)).await {
        Ok(row) => text(&row, 0)?.parse().unwrap_or(0).max(counted),
        // The rehearsal reports the missing grant or the lock.
        Err(error) if matches!(Class::of_error(&error), Class::Grant | Class::Contention) => {
            counted
        }
        Err(error) => return Err(error),
    };
    table.ids = Some(LiveIds { column: column.clone(), greatest, last });
    Ok(())
}
