//! Error numbers → our own sentences.
//!
//! A server's or a proxy's own message can quote the statement with its values, whatever the
//! number (Vitess appends `Sql: … BindVars: {…}` to all of them), so we never show it: our sentence
//! depends on the number alone, and on nothing else that came over the wire.

use crate::mysql::Class;

/// What an error number means, and what to do.
#[must_use]
pub(super) fn sentence(number: u16) -> String {
    let name = Class::name_of(number).unwrap_or("not in sluicegate's table");
    format!("error {number} ({name}): {}", words(number))
}

fn words(number: u16) -> &'static str {
    let own = WORDS.binary_search_by_key(&number, |(number, _)| *number);
    own.map_or_else(|_| of_class(Class::of(number)), |index| WORDS[index].1)
}

/// For numbers without words of their own.
const fn of_class(class: Class) -> &'static str {
    match class {
        Class::Connection => {
            "the connection is gone or was refused; check the server, the network and any proxy in between"
        }
        Class::Contention => "another transaction or a change of the schema was in the way",
        Class::Outage => "the server cannot write now; its own log says why",
        Class::Grant => "the account may not do this; check its grants and its login",
        Class::Schema => "the tables do not match the mapping; `sluicegate check` names the fix",
        Class::Data => "the server refuses a value",
        Class::Unknown => {
            "look the number up in the error reference of the server or proxy, and report it to sluicegate"
        }
    }
}

/// In the order of numbers.
const WORDS: &[(u16, &str)] = &[
    (20, "a disk of the server is full; free some space"),
    (167, "the table's AUTO_INCREMENT column has no numbers left; make it BIGINT UNSIGNED"),
    (1021, "a disk of the server is full; free some space"),
    (1022, "a row repeats a unique key of your own"),
    (1040, "the server has no connection left; raise max_connections or lower flush.writers"),
    (1044, "the account has no access to the database; GRANT it, and check mysql.database"),
    (
        1045,
        "the server denies the login; check mysql.user and mysql.password, and the account's host",
    ),
    (1046, "no database is chosen; check mysql.database"),
    (1047, "the cluster node does not accept statements now; it may have left its cluster"),
    (1048, "a column does not accept NULL"),
    (1049, "the database does not exist; run `sluicegate migrate`, or check mysql.database"),
    (1050, "the table exists already"),
    (1054, "a column is missing; `sluicegate check` names it"),
    (1062, "a row repeats a unique key of your own"),
    (
        1104,
        "the session limits how many rows a query may read (max_join_size, sql_big_selects); something between sluicegate and the server undoes its session settings",
    ),
    (1114, "a table or its disk is full; free some space"),
    (
        1118,
        "a row is too long for the table: its ROW_FORMAT or columns of your own leave too little room; ROW_FORMAT=DYNAMIC stores long texts elsewhere",
    ),
    (
        1129,
        "the server has blocked this host after failed connections; run FLUSH HOSTS or TRUNCATE performance_schema.host_cache",
    ),
    (1130, "the server does not accept connections from this host; check the account's host"),
    (
        1142,
        "the account may not do this to the table; GRANT SELECT, INSERT, UPDATE, DELETE on the database to it, and CREATE, ALTER, INDEX to the one that migrates",
    ),
    (
        1143,
        "the account may not do this to a column; GRANT SELECT, INSERT, UPDATE, DELETE on the database to it",
    ),
    (1146, "a table is missing; `sluicegate check` names it, `sluicegate migrate` creates ours"),
    (1153, "a statement is larger than max_allowed_packet; raise it"),
    (
        1175,
        "the session refuses statements without a key (sql_safe_updates); something between sluicegate and the server undoes its session settings",
    ),
    (
        1176,
        "an index that a statement names is missing or has another name now; `sluicegate check` names a missing one, a restart finds one that was renamed",
    ),
    (
        1184,
        "the server closed the new connection; if it closes all of them, its init_connect may be failing; its own log says why",
    ),
    (
        1197,
        "the transaction is larger than max_binlog_cache_size; raise it, or lower batch.rows or batch.bytes",
    ),
    (
        1203,
        "the account has no connection left; raise its max_user_connections or lower flush.writers",
    ),
    (
        1205,
        "another transaction has held a lock for longer than flush.lock_wait_timeout; find it with SHOW PROCESSLIST and SHOW ENGINE INNODB STATUS",
    ),
    (
        1206,
        "the server has no memory for more locks; raise innodb_buffer_pool_size or lower batch.rows",
    ),
    (1213, "a deadlock with another transaction; the server rolled this one back"),
    (1223, "a session holds FLUSH TABLES WITH READ LOCK; run UNLOCK TABLES there"),
    (1226, "the account has used up its hourly limit; raise it"),
    (1227, "the account lacks a privilege that this needs; check its grants"),
    (
        1290,
        "an option of the server forbids writing, such as read_only; check which server this is",
    ),
    (1317, "the statement was killed"),
    (1451, "a foreign key of your own refers to the row; drop the key"),
    (1452, "a foreign key of your own refers to a row that does not exist yet; drop the key"),
    (1467, "the table's AUTO_INCREMENT column has no numbers left; make it BIGINT UNSIGNED"),
    (
        1524,
        "the server has not loaded the account's authentication plugin; load it or change the account",
    ),
    (1526, "no partition covers the row's time; add one"),
    (1665, "binlog_format is STATEMENT, which cannot log READ COMMITTED; set it to ROW"),
    (
        1698,
        "the account logs in through the server's operating system, not with a password; give it a password",
    ),
    (
        1705,
        "the statement is larger than max_binlog_stmt_cache_size; raise it, or lower flush.statement_rows",
    ),
    (
        1785,
        "a table has an engine without transactions; `sluicegate check` names it; run ALTER TABLE … ENGINE=InnoDB",
    ),
    (1792, "the transaction is read-only; check which server this is"),
    (1820, "the account's password has expired; set a new one"),
    (1836, "the server is read-only; check which server this is"),
    (1862, "the account's password has expired; set a new one"),
    (1927, "the connection was killed"),
    (1969, "the server ended the statement after its max_statement_time"),
    (
        1978,
        "a column of your own has a default that strict mode refuses, such as '0000-00-00'; give it another",
    ),
    (3024, "the server ended the statement after its max_execution_time"),
    (
        3098,
        "group replication does not accept writes to this table: it lacks a primary key, InnoDB or a plain foreign key",
    ),
    (
        3100,
        "a plugin refused the transaction; for group replication check group_replication_transaction_size_limit and the member's state",
    ),
    (3101, "another node of the cluster wrote the same rows first"),
    (3118, "the account is locked; ALTER USER … ACCOUNT UNLOCK"),
    (3159, "the account has to use TLS; check mysql.tls_mode"),
    (
        3231,
        "the transaction is larger than the cluster accepts; raise group_replication_transaction_size_limit, or lower batch.rows or batch.bytes",
    ),
    (3572, "another transaction holds a lock"),
    (4025, "a CHECK constraint refuses a value"),
    (4151, "the account is locked; ALTER USER … ACCOUNT UNLOCK"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::retry::TABLE;

    #[test]
    fn words_are_sorted() {
        for pair in WORDS.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} comes before {}", pair[0].0, pair[1].0);
        }
    }

    #[test]
    fn every_number_has_a_sentence_and_those_that_need_an_operator_their_own() {
        for (number, name, ..) in TABLE {
            let said = sentence(*number);
            assert!(said.contains(&number.to_string()) && said.contains(name), "{said}");
        }
        for number in [167, 1045, 1044, 1049, 1142, 1467, 1526, 1785, 1665, 1197, 1175, 1104] {
            let class = of_class(Class::of(number));
            assert_ne!(words(number), class, "{number}");
        }
        assert!(sentence(4711).starts_with("error 4711 (not in sluicegate's table): look"));
    }
}
