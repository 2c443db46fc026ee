//! Which settings are never shown.

use super::properties;

/// Words that make a name secret. They match librdkafka's own list of sensitive properties (a test
/// holds that), and probably what a later version adds.
const SECRET_WORDS: [&str; 13] = [
    "assertion",
    "auth",
    "credential",
    "credentials",
    "jaas",
    "key",
    "passphrase",
    "passwd",
    "password",
    "pem",
    "private",
    "secret",
    "token",
];

/// librdkafka's sensitive properties that no such word gives away.
const SECRET_PROPERTIES: [&str; 3] = ["sasl.oauthbearer.config", "sasl.username", "ssl_key"];

/// Our own settings with such a word that only hold a file name.
const SHOWN: [&str; 4] =
    ["kafka.sasl_password_file", "kafka.tls_key", "mysql.password_file", "mysql.tls_key"];

/// Whether a setting's value is never shown. A property that librdkafka does not know is secret: it
/// may be a misspelt password.
pub(super) fn is_secret(key: &str) -> bool {
    let Some(property) = key.strip_prefix(properties::PROPERTIES) else {
        return !SHOWN.contains(&key) && (key == "kafka.sasl_username" || looks_secret(key));
    };
    let property = property.trim_start_matches('.');
    SECRET_PROPERTIES.contains(&property)
        || looks_secret(property)
        || !properties::is_known(property)
}

/// Whether a value contains an account and its password, as a URL or `account:password@host`, perhaps
/// typed where only a host belongs.
pub(super) fn holds_login(value: &str) -> bool {
    value.split_once('@').is_some_and(|(before, _)| before.contains(':'))
}

fn looks_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| SECRET_WORDS.contains(&word))
        || ["password", "passwd", "secret", "token"].iter().any(|part| name.contains(part))
}
