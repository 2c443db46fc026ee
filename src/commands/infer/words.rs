//! Names of tables and columns, and texts as a mapping file writes them.

use super::seen::Seen;

/// Leaves room for `_2` and the like.
const COLUMN_CHARS_MAX: usize = 60;
/// Leaves room for `_events` and the name of the unique key.
const TABLE_CHARS_MAX: usize = 50;
/// Beginnings and names of tables that are not free.
const OWN: [&str; 3] = ["sluicegate_", "dead_letters", "_sqlx_migrations"];

/// A text in TOML. JSON's escapes are TOML's as well, but for one character.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

/// A choice for the reader, which does not compile.
pub(super) fn todo(choices: &str) -> String {
    let text = format!("TODO: {choices}");
    // Single quotes leave double ones as they are.
    let is_plain = !text.contains('\'') && !text.chars().any(char::is_control);
    if is_plain { format!("'{text}'") } else { quoted(&text) }
}

/// Keys as a path of the mapping.
pub(super) fn path(keys: &[String]) -> String {
    let plain = |key: &str| {
        !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    };
    let keys = keys.iter().map(|key| if plain(key) { key.clone() } else { format!("\"{key}\"") });
    keys.collect::<Vec<_>>().join(".")
}

/// Letters and digits in lower case, joined by `_`: `customerId` and `customer.id` are `customer_id`.
pub(super) fn snake(text: &str) -> String {
    let mut name = String::new();
    let mut before = ' ';
    for c in text.chars() {
        let begins =
            c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit());
        let is_sign = !c.is_ascii_alphanumeric();
        if (begins || is_sign) && !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        if !is_sign {
            name.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    name.trim_matches('_').to_owned()
}

/// The name of a topic's table.
pub(super) fn table(topic: &str, is_log: bool) -> String {
    let last = topic.rsplit('.').find(|part| !snake(part).is_empty()).unwrap_or("topic");
    let mut name = snake(last);
    name.truncate(TABLE_CHARS_MAX);
    if is_log && !name.ends_with("events") {
        name.push_str("_events");
    }
    if OWN.iter().any(|own| name.starts_with(own)) {
        name = format!("topic_{name}");
    }
    name
}

/// Names of columns that differ, whatever their case is.
#[derive(Debug)]
pub(super) struct Columns(Vec<String>);

impl Columns {
    pub(super) fn new(taken: &[&str]) -> Self {
        // What a table may have besides, and what InnoDB keeps for itself.
        let own = ["event_id", "event_timestamp", "event_type", "deleted", "data"];
        let of_server = ["db_row_id", "db_trx_id", "db_roll_ptr", "fts_doc_id"];
        Self(own.iter().chain(&of_server).chain(taken).map(|name| (*name).to_owned()).collect())
    }

    /// A name for the column of a path.
    pub(super) fn name(&mut self, keys: &[String]) -> String {
        let mut name = snake(&keys.join("_"));
        // The end of a path says more than its beginning.
        let from = name.len().saturating_sub(COLUMN_CHARS_MAX);
        name = name[from..].trim_start_matches('_').to_owned();
        if name.is_empty() {
            "value".clone_into(&mut name);
        }
        let numbered = |number: usize| match number {
            1 => name.clone(),
            number => format!("{name}_{number}"),
        };
        let free = (1..).map(numbered).find(|name| !self.0.contains(name));
        let free = free.unwrap_or(name);
        self.0.push(free.clone());
        free
    }
}

/// Whether a name says that its values are times.
pub(super) fn is_time(name: &str) -> bool {
    const WORDS: [&str; 22] = [
        "at", "created", "changed", "date", "day", "ended", "epoch", "expires", "from", "modified",
        "msec", "on", "received", "seen", "sent", "since", "started", "stamp", "time", "ts",
        "until", "updated",
    ];
    let name = snake(name);
    name.split('_').any(|word| WORDS.contains(&word))
        || ["time", "date", "timestamp"].iter().any(|end| name.ends_with(end))
}

/// Whether a name says that its values are amounts of money, which are exact.
pub(super) fn is_money(name: &str) -> bool {
    const WORDS: [&str; 18] = [
        "amount", "balance", "charge", "cost", "credit", "debit", "discount", "due", "fee", "fees",
        "paid", "price", "prices", "revenue", "subtotal", "tax", "total", "turnover",
    ];
    snake(name).split('_').any(|word| WORDS.contains(&word))
}

/// Whether a name says that its texts may be of any length.
pub(super) fn is_long(name: &str) -> bool {
    const WORDS: [&str; 16] = [
        "address",
        "agent",
        "body",
        "comment",
        "content",
        "description",
        "href",
        "message",
        "note",
        "notes",
        "path",
        "query",
        "referer",
        "text",
        "uri",
        "url",
    ];
    snake(name).split('_').any(|word| WORDS.contains(&word))
}

/// How often a path was there.
pub(super) fn frequency(seen: &Seen, events: usize) -> String {
    let there = match seen.count {
        count if count >= events => "in all".to_owned(),
        count => format!("in {count} of {events}"),
    };
    match seen.nulls {
        0 => there,
        nulls => format!("{there}, null in {nulls}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns() {
        let mut columns = Columns::new(&["sku"]);
        let mut name = |keys: &[&str]| {
            columns.name(&keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(name(&["customerId"]), "customer_id");
        assert_eq!(name(&["customer", "id"]), "customer_id_2");
        assert_eq!(name(&["SKU"]), "sku_2");
        assert_eq!(name(&["@timestamp"]), "timestamp");
        assert_eq!(name(&["event", "id"]), "event_id_2");
        assert_eq!(name(&["größe"]), "gr_e");
        assert_eq!(name(&["名"]), "value");
        assert_eq!(name(&["x".repeat(70).as_str()]).len(), 60);
    }

    #[test]
    fn names_of_tables() {
        assert_eq!(table("shop.inventory.customers", false), "customers");
        assert_eq!(table("shop.inventory.customers", true), "customers_events");
        assert_eq!(table("dead_letters", false), "topic_dead_letters");
        assert_eq!(table("__", true), "topic_events");
    }

    #[test]
    fn paths_and_texts() {
        let keys = ["a".to_owned(), "b.c".to_owned(), "$d".to_owned()];
        assert_eq!(path(&keys), "a.\"b.c\".\"$d\"");
        assert_eq!(quoted(&path(&keys)), r#""a.\"b.c\".\"$d\"""#);
        assert_eq!(todo("\"$key\""), "'TODO: \"$key\"'");
        assert_eq!(todo("it's"), "\"TODO: it's\"");
    }
}
