//! Which server it is, and what follows from that.

/// The SQL dialect that the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// MySQL 8.0.20 and newer: `INSERT … AS new`, since `VALUES()` is deprecated there.
    MySql,
    /// MariaDB 10.6 and newer: `VALUES()`, since it has no row alias.
    MariaDb,
}

impl Dialect {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
        }
    }
}

/// What the server said about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    pub dialect: Dialect,
    /// `VERSION()`.
    pub version: String,
    /// `max_allowed_packet` in bytes.
    pub max_allowed_packet: usize,
}

impl ServerFacts {
    pub(super) fn new(version: String, max_allowed_packet: usize) -> Self {
        let dialect = if version.contains("MariaDB") { Dialect::MariaDb } else { Dialect::MySql };
        Self { dialect, version, max_allowed_packet }
    }

    /// Whether the server is new enough: MySQL has had row aliases since 8.0.20; MariaDB is
    /// supported from 10.6.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        let least: [u32; 3] = match self.dialect {
            Dialect::MySql => [8, 0, 20],
            Dialect::MariaDb => [10, 6, 0],
        };
        // For old replicas, MariaDB puts 5.5.5- before its version.
        let version = self.version.trim_start_matches("5.5.5-");
        let digits = |part: &str| {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse().unwrap_or(0)
        };
        let mut found = version.split('.').map(digits).chain(std::iter::repeat(0));
        [0; 3].map(|_| found.next().unwrap_or(0)) >= least
    }

    /// What its JSON columns accept.
    #[must_use]
    pub fn json_limits(&self) -> JsonLimits {
        match self.dialect {
            Dialect::MySql => JsonLimits::MYSQL,
            Dialect::MariaDb => JsonLimits::MARIADB,
        }
    }
}

/// What a JSON column accepts; it depends on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonLimits {
    /// Nested arrays and objects, the document itself included.
    pub depth: usize,
    /// Length of a key in bytes.
    pub key_bytes: usize,
    /// Exponent of a zero, less the digits of its fraction: `0.0e400` is refused, although it is zero.
    pub zero_exponent: usize,
}

impl JsonLimits {
    /// MySQL: error 3157 beyond 100 levels, 3151 beyond 65,535 bytes in a key, 3140 beyond 308 in the
    /// exponent of a zero. Other numbers that it refuses are not finite.
    pub const MYSQL: Self = Self { depth: 100, key_bytes: 65_535, zero_exponent: 308 };
    /// MariaDB: `json_valid` is false (error 4025) beyond 31 levels; keys and numbers are just
    /// text.
    pub const MARIADB: Self = Self { depth: 31, ..Self::NONE };
    /// No limits: for messages that are only redacted.
    pub(crate) const NONE: Self =
        Self { depth: usize::MAX, key_bytes: usize::MAX, zero_exponent: usize::MAX };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_servers_are_not_supported() {
        for (dialect, version, supported) in [
            (Dialect::MySql, "9.7.4-2", true),
            (Dialect::MySql, "8.4.0", true),
            (Dialect::MySql, "8.0.20", true),
            (Dialect::MySql, "8.0.19-log", false),
            (Dialect::MySql, "5.7.44", false),
            (Dialect::MariaDb, "10.11.18-MariaDB-0+deb12u1", true),
            (Dialect::MariaDb, "5.5.5-10.6.1-MariaDB", true),
            (Dialect::MariaDb, "10.5.29-MariaDB", false),
        ] {
            let version = version.to_owned();
            let facts = ServerFacts { dialect, version, max_allowed_packet: 0 };
            assert_eq!(facts.is_supported(), supported, "{facts:?}");
        }
    }
}
