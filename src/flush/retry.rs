//! What to do about an error: one table, and the pauses between attempts.

use std::time::Duration;

/// What an error of the server means for the batch that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The connection is gone, or the server does not take any: reconnect.
    Connection,
    /// Another transaction was in the way.
    Contention,
    /// The server cannot write now: read-only, full, short of something, locked.
    Outage,
    /// The account may not do it (any more).
    Grant,
    /// The tables are not what the mapping says (any more).
    Schema,
    /// The server refuses a value: the row is at fault, and so is the mapping that let it pass.
    Data,
    /// Anything else. It is tried again as well, and said loudly: nobody loses an event because
    /// this table lacks a line.
    Unknown,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 7] = [
        Self::Connection,
        Self::Contention,
        Self::Outage,
        Self::Grant,
        Self::Schema,
        Self::Data,
        Self::Unknown,
    ];

    /// As a metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Contention => "contention",
            Self::Outage => "outage",
            Self::Grant => "grant",
            Self::Schema => "schema",
            Self::Data => "data",
            Self::Unknown => "unknown",
        }
    }

    /// The class of an error number of MySQL or MariaDB. Numbers and names are those of the
    /// servers' error references.
    #[must_use]
    pub const fn of(number: u16) -> Self {
        match number {
            // ER_CON_COUNT_ERROR, ER_OUT_OF_RESOURCES (no memory for a connection), ER_HANDSHAKE_ERROR,
            // ER_SERVER_SHUTDOWN, ER_NORMAL_SHUTDOWN, ER_ABORTING_CONNECTION, ER_NET_*,
            // ER_HOST_IS_BLOCKED, ER_CANT_CREATE_THREAD, ER_TOO_MANY_USER_CONNECTIONS,
            // ER_USER_LIMIT_REACHED, ER_NEW_ABORTING_CONNECTION, ER_CONNECTION_KILLED,
            // ER_CLIENT_INTERACTION_TIMEOUT, ER_SERVER_OFFLINE_MODE
            1040..=1041
            | 1043
            | 1053
            | 1077
            | 1129
            | 1135
            | 1152
            | 1154..=1161
            | 1184
            | 1189..=1190
            | 1203
            | 1226
            | 1927
            | 3032
            | 4031 => Self::Connection,
            // ER_CHECKREAD, ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK, ER_LOCK_TABLE_FULL,
            // ER_XA_RBROLLBACK, ER_LOCK_NOWAIT, ER_TRANSACTION_ROLLBACK_DURING_COMMIT
            1020 | 1205 | 1206 | 1213 | 1402 | 1613..=1614 | 3101 | 3572 => Self::Contention,
            // ER_DISK_FULL, ER_ERROR_ON_READ, ER_ERROR_ON_WRITE, ER_GET_ERRNO, ER_OPEN_AS_READONLY,
            // ER_OUTOFMEMORY, ER_OUT_OF_SORTMEMORY, ER_TABLE_NOT_LOCKED_FOR_WRITE,
            // ER_TABLE_NOT_LOCKED, ER_RECORD_FILE_FULL, ER_NET_PACKET_TOO_LARGE (the packet limit was
            // lowered), ER_ERROR_DURING_COMMIT, ER_CRASHED_ON_USAGE, ER_CANT_UPDATE_WITH_READLOCK,
            // ER_OPTION_PREVENTS_STATEMENT (read_only), ER_QUERY_INTERRUPTED, ER_BINLOG_LOGGING_IMPOSSIBLE,
            // ER_TABLE_DEF_CHANGED, ER_NEED_REPREPARE, ER_TOO_MANY_CONCURRENT_TRXS,
            // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, ER_READ_ONLY_MODE, ER_INNODB_READ_ONLY,
            // ER_QUERY_TIMEOUT, ER_RUN_HOOK_ERROR, ER_CAPACITY_EXCEEDED, ER_STATEMENT_TIMEOUT (MariaDB)
            1021
            | 1024
            | 1026
            | 1030
            | 1036..=1038
            | 1099..=1100
            | 1114
            | 1153
            | 1180..=1181
            | 1194..=1195
            | 1223
            | 1290
            | 1317
            | 1412
            | 1598
            | 1615
            | 1637
            | 1792
            | 1836
            | 1874
            | 1969
            | 3024
            | 3100
            | 3170 => Self::Outage,
            // ER_DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_ERROR, ER_HOST_NOT_PRIVILEGED,
            // ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR,
            // ER_SPECIFIC_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR,
            // ER_MUST_CHANGE_PASSWORD, ER_ACCOUNT_HAS_BEEN_LOCKED, ER_ACCESS_DENIED_CHANGE_USER_ERROR
            1044..=1045 | 1130 | 1142..=1143 | 1227 | 1698 | 1820 | 1862 | 3118 | 3879 | 4151 => {
                Self::Grant
            }
            // ER_NO_DB_ERROR, ER_BAD_DB_ERROR, ER_BAD_TABLE_ERROR, ER_BAD_FIELD_ERROR,
            // ER_WRONG_VALUE_COUNT_ON_ROW, ER_NO_SUCH_TABLE, ER_KEY_DOES_NOT_EXITS,
            // ER_NO_DEFAULT_FOR_FIELD, ER_TABLESPACE_MISSING / DISCARDED
            1046 | 1049 | 1051 | 1054 | 1136 | 1146 | 1176 | 1364 | 1812 | 1814 => Self::Schema,
            // ER_BAD_NULL_ERROR, ER_DUP_ENTRY (a key of the user's own), ER_WARN_DATA_OUT_OF_RANGE,
            // WARN_DATA_TRUNCATED, ER_TRUNCATED_WRONG_VALUE, ER_INVALID_CHARACTER_STRING,
            // ER_TRUNCATED_WRONG_VALUE_FOR_FIELD, ER_WARN_ALLOWED_PACKET_OVERFLOWED, ER_DATA_TOO_LONG,
            // ER_WRONG_VALUE_FOR_TYPE, foreign keys, ER_NO_PARTITION_FOR_GIVEN_VALUE,
            // ER_SIGNAL_EXCEPTION (a trigger), ER_DATA_OUT_OF_RANGE, ER_INVALID_JSON_*,
            // ER_JSON_KEY_TOO_BIG, ER_JSON_DOCUMENT_TOO_DEEP, ER_CHECK_CONSTRAINT_VIOLATED,
            // ER_CONSTRAINT_FAILED (MariaDB)
            1048
            | 1062
            | 1264..=1265
            | 1292
            | 1300
            | 1366..=1367
            | 1406
            | 1411
            | 1451..=1452
            | 1526
            | 1644
            | 1690
            | 3140..=3141
            | 3144
            | 3150..=3151
            | 3156..=3157
            | 3819
            | 4025 => Self::Data,
            _ => Self::Unknown,
        }
    }

    /// The class of an error of the driver.
    #[must_use]
    pub fn of_error(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(database) => database
                .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
                .map_or(Self::Unknown, |error| Self::of(error.number())),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::WorkerCrashed => Self::Connection,
            _ => Self::Unknown,
        }
    }
}

/// Pauses between attempts: they double from `first` to `longest`, and each is shortened by a
/// random part of up to a half, so that writers that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after attempt `attempt` (from 1) failed; `random` is any number.
    #[must_use]
    pub fn pause(&self, attempt: u32, random: u64) -> Duration {
        let doubled = self.first.saturating_mul(1 << attempt.saturating_sub(1).min(20));
        let pause = doubled.min(self.longest);
        // 0 to 1023 of 2048.
        let part = u32::try_from(random % 1024).unwrap_or(0);
        pause - pause / 2048 * part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff =
            Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) };
        let pauses: Vec<u128> = (1..=8).map(|n| backoff.pause(n, 0).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(backoff.pause(u32::MAX, 0), backoff.longest);
        for random in 0..4096 {
            let pause = backoff.pause(3, random);
            assert!(pause > Duration::from_millis(199) && pause <= Duration::from_millis(400));
        }
    }

    #[test]
    fn classes_of_well_known_errors() {
        for (number, class) in [
            (1205, Class::Contention),
            (1213, Class::Contention),
            (1290, Class::Outage),
            (1021, Class::Outage),
            (1114, Class::Outage),
            (1142, Class::Grant),
            (1045, Class::Grant),
            (1146, Class::Schema),
            (1054, Class::Schema),
            (1406, Class::Data),
            (1265, Class::Data),
            (1048, Class::Data),
            (3140, Class::Data),
            (4025, Class::Data),
            (1053, Class::Connection),
            (1040, Class::Connection),
            (1927, Class::Connection),
            (1064, Class::Unknown),
            (9999, Class::Unknown),
        ] {
            assert_eq!(Class::of(number), class, "{number}");
        }
    }
}
