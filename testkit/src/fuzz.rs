//! What holds for any bytes: the bodies of the fuzz targets, and of the property tests beside them.

pub mod declared;

use sluicegate::buffer::{Batch, Rows};
use sluicegate::dead_letter::DeadLetter;
use sluicegate::flatten::Flattener;
use sluicegate::flush::statement::{StaleLines, StatementLimits, Statements};
use sluicegate::mapping::Mapping;
use sluicegate::mysql::Dialect;
use sluicegate::mysql::JsonLimits;
use sluicegate::offsets::Origin;
use sluicegate::reject::{Code, Reject};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

static MAPPING: LazyLock<Arc<Mapping>> = LazyLock::new(|| Arc::new(Mapping::built_in().unwrap()));
const LIMITS: StatementLimits = StatementLimits { rows: 3, bytes: 2_000 };
const DIALECTS: [(Dialect, JsonLimits); 2] =
    [(Dialect::MySql, JsonLimits::MYSQL), (Dialect::MariaDb, JsonLimits::MARIADB)];

/// Loads the bytes as a message of every topic. An event is loaded whole, or leaves the batch as it
/// was; either way its statements can be written, and each row is in one of them.
pub fn load(message: &[u8]) {
    for (dialect, json_limits) in DIALECTS {
        let mut flattener = Flattener::new(Arc::clone(&MAPPING), json_limits);
        let mut batch = Batch::new(&MAPPING);
        flattener.load_value("order", NEIGHBOUR.as_bytes(), &mut batch).unwrap();
        let mut before = statements(&MAPPING, &batch, dialect);
        for topic in MAPPING.topic_names() {
            let loaded = flattener.load_value(topic, message, &mut batch);
            let after = statements(&MAPPING, &batch, dialect);
            match loaded {
                Ok(_) => before = after,
                Err(faulty) => {
                    assert_eq!(before, after, "{topic}: {:?}", faulty.reject);
                    batch.push_dead_letter(letter(faulty.payload, &faulty.reject.text));
                    assert_letters(&batch, dialect);
                    batch.dead_letters.clear();
                }
            }
        }
    }
}

/// An order with a line, so that there is something to be spoilt.
const NEIGHBOUR: &str = r#"{"event_type":"order.created","event_id":"neighbour","timestamp":"2025-01-06T00:00:00Z","entity_id":"neighbour","data":{"order_number":"n","items":[{"quantity":1}]}}"#;

/// The text of every statement of a batch.
fn statements(mapping: &Mapping, batch: &Batch, dialect: Dialect) -> Vec<String> {
    let statements = Statements::new(mapping, dialect);
    let (mut texts, mut order) = (Vec::new(), Vec::new());
    for (id, table) in mapping.tables.iter().enumerate() {
        let rows = batch.rows(id);
        rows.sorted(table, &mut order);
        let mut from = 0;
        while from < order.len() {
            let mut text = String::new();
            let next = statements.upsert((id, table), rows, &order, from, LIMITS, &mut text);
            let values = rows_of(&text);
            assert_eq!(values.len(), next - from);
            assert!(values.iter().all(|row| row.len() == table.columns.len()));
            from = next;
            texts.push(text);
        }
    }
    let key_names = mapping.key_names();
    for stale in StaleLines::all(mapping, &key_names) {
        texts.extend(stale.look(batch, 0..usize::MAX));
    }
    texts
}

fn assert_letters(batch: &Batch, dialect: Dialect) {
    let mut text = String::new();
    let statements = Statements::new(&MAPPING, dialect);
    let next = statements.dead_letters(&batch.dead_letters, 0, LIMITS, &mut text);
    let row = rows_of(&text).remove(0);
    assert_eq!(next, 1);
    assert_eq!(row[7].as_deref(), Some(&*batch.dead_letters[0].payload));
    assert_eq!(row[13].as_deref(), Some(batch.dead_letters[0].reject.text.as_bytes()));
}

fn letter(payload: Vec<u8>, text: &str) -> DeadLetter {
    DeadLetter {
        topic: "topic".into(),
        partition: 0,
        offset: 0,
        origin: Origin::default(),
        key: Some(payload.clone()),
        headers: BTreeMap::new(),
        payload_bytes: payload.len(),
        payload_cut: false,
        payload,
        event_type: None,
        event_id: None,
        reject: Reject::new(Code::JsonInvalid, text),
        kafka_timestamp: Some(0),
        dead_at: 0,
    }
}

/// A value as a statement writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The bytes that were to be written.
    pub value: Vec<u8>,
    /// The literal in the statement.
    pub literal: String,
}

/// Writes the bytes into a statement as texts and as a payload, and reads them back by the rules of
/// the servers' manuals. Gives the literals, for a server to read them too.
pub fn statement(bytes: &[u8]) -> Vec<Written> {
    let text = String::from_utf8_lossy(bytes);
    let pieces: Vec<&str> = text.split('|').collect();
    let id = MAPPING.table("user_logins").unwrap();
    let table = &MAPPING.tables[id];
    let mut rows = Rows::new(table);
    for piece in &pieces {
        for column in 0..table.columns.len() {
            if column == table.event_timestamp() {
                rows.push_number(column, 0);
            } else {
                rows.push_text(column, Some(piece));
            }
        }
        rows.end_row();
    }
    let order: Vec<u32> = (0..u32::try_from(pieces.len()).unwrap()).collect();
    let statements = Statements::new(&MAPPING, Dialect::MySql);
    let (mut from, mut written) = (0, Vec::new());
    let mut statement = String::new();
    while from < pieces.len() {
        let next = statements.upsert((id, table), &rows, &order, from, LIMITS, &mut statement);
        let literals = literals_of(&statement);
        assert_eq!(literals.len(), next - from);
        for (row, piece) in literals.iter().zip(&pieces[from..next]) {
            for literal in &row[..table.event_timestamp()] {
                assert_eq!(value_of(literal).as_deref(), Some(piece.as_bytes()), "{literal}");
            }
            let value = piece.as_bytes().to_vec();
            written.push(Written { value, literal: row[0].to_owned() });
        }
        from = next;
    }
    statements.dead_letters(&[letter(bytes.to_vec(), &text)], 0, LIMITS, &mut statement);
    let row = literals_of(&statement).remove(0);
    for (column, value) in [(5, bytes), (7, bytes), (13, text.as_bytes())] {
        assert_eq!(value_of(row[column]).as_deref(), Some(value));
        written.push(Written { value: value.to_vec(), literal: row[column].to_owned() });
    }
    written
}

/// The values of the rows of an `INSERT`; `None` for NULL.
pub fn rows_of(statement: &str) -> Vec<Vec<Option<Vec<u8>>>> {
    let rows = literals_of(statement);
    rows.iter().map(|row| row.iter().map(|literal| value_of(literal)).collect()).collect()
}

/// The literals of the rows of an `INSERT … VALUES (…),(…) …`.
fn literals_of(statement: &str) -> Vec<Vec<&str>> {
    let (_, mut rest) = statement.split_once(" VALUES (").expect("an INSERT with rows");
    let mut rows = vec![Vec::new()];
    loop {
        let end = literal_end(rest);
        rows.last_mut().unwrap().push(&rest[..end]);
        rest = &rest[end..];
        if let Some(next) = rest.strip_prefix("),(") {
            rows.push(Vec::new());
            rest = next;
        } else if let Some(next) = rest.strip_prefix(',') {
            rest = next;
        } else {
            assert!(rest.starts_with(") "), "behind a literal: {rest:.40}");
            return rows;
        }
    }
}

/// Where a literal ends: a text at the first quote that no backslash escapes, all else at `,` or `)`.
fn literal_end(text: &str) -> usize {
    let Some(open) = text.find('\'').filter(|open| *open == 0 || &text[..*open] == "x") else {
        return text.find([',', ')']).expect("an end");
    };
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(open + 1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'\'' => return at + 1,
            _ => {}
        }
    }
    panic!("a text without an end")
}

/// What a literal stands for, in a session with backslash escapes.
fn value_of(literal: &str) -> Option<Vec<u8>> {
    if literal == "NULL" {
        return None;
    }
    if let Some(digits) = literal.strip_prefix("x'") {
        let digits = digits.strip_suffix('\'').unwrap().as_bytes();
        let byte = |pair: &[u8]| {
            u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).expect("hex digits")
        };
        return Some(digits.chunks(2).map(byte).collect());
    }
    let Some(text) = literal.strip_prefix('\'') else { return Some(literal.as_bytes().to_vec()) };
    let (mut value, mut bytes) = (Vec::new(), text.strip_suffix('\'').unwrap().bytes());
    while let Some(byte) = bytes.next() {
        value.push(match byte {
            b'\\' => match bytes.next().unwrap() {
                b'0' => 0,
                b'b' => 8,
                b't' => b'\t',
                b'n' => b'\n',
                b'r' => b'\r',
                b'Z' => 26,
                other => other,
            },
            other => other,
        });
    }
    Some(value)
}

/// Asks a server for the literals: it must read the values that were written.
pub async fn read_back(connection: &mut sqlx::MySqlConnection, written: &[Written]) {
    use sqlx::{AssertSqlSafe, Executor, Row as _};
    for Written { value, literal } in written {
        let select = format!("SELECT CAST({literal} AS BINARY)");
        let row = connection.fetch_one(AssertSqlSafe(select)).await.unwrap();
        assert_eq!(row.get::<Vec<u8>, _>(0), *value, "{literal}");
    }
}
