use super::*;

const READINGS: &str = "topic = 't'\nredact = ['pin']\n[envelope]\neach = '$message'\ntype = { value = 'r' }\n\
    id = '$content'\ntime = { from = 'at', convert = 'seconds' }\nkey = '$key'\ndata = '$message'\n\
    [[log]]\ntable = 'readings'\nkey = 'device'\nevents = ['*']\n\
    columns = [{ name = 'size', type = 'int', from = 'size' }]";

/// The ids that a message's events have.
fn ids(key: &str, value: &str) -> Vec<String> {
    let mapping = Arc::new(Mapping::compile([("t.toml", READINGS)]).unwrap());
    let mut flattener = Flattener::new(Arc::clone(&mapping), JsonLimits::MYSQL);
    let mut batch = Batch::new(&mapping);
    let message = Message { key: Some(key.as_bytes()), ..Message::bare("t", value.as_bytes()) };
    flattener.load(&message, "t", &mut batch).unwrap();
    let rows = batch.rows(0);
    let ids = rows.column(mapping.tables[0].event_id());
    (0..rows.len()).map(|row| ids.text(row).unwrap().to_owned()).collect()
}

#[test]
fn an_id_of_the_content_knows_no_secret() {
    let one = ids("k", r#"{"at": 1, "pin": 1, "size": 2}"#);
    assert_eq!(one, ids("k", r#"{"at": 1, "pin": "two", "size": 2}"#));
    assert_eq!(one, ids("k", r#" {"at": 1, "size": 2} "#));
    assert_eq!(one, ids("k", r#"[{"at": 1, "PIN": [3], "size": 2}]"#));
    assert_ne!(one, ids("k", r#"{"at": 1, "size": 3}"#));
    assert_ne!(one, ids("l", r#"{"at": 1, "size": 2}"#));
    let with_token =
        |token: &str| ids(&format!(r#"{{"id":"a","token":"{token}"}}"#), r#"{"at": 1}"#);
    assert_eq!(with_token("x"), with_token("yy"));
}

#[test]
fn a_key_as_text_has_no_secret() {
    let with_key = READINGS.replace(
        "from = 'size' }",
        "from = 'size' }, { name = 'whole', type = 'text', from = '$key' }",
    );
    let mapping = Arc::new(Mapping::compile([("t.toml", with_key.as_str())]).unwrap());
    let mut flattener = Flattener::new(Arc::clone(&mapping), JsonLimits::MYSQL);
    let mut batch = Batch::new(&mapping);
    let key = br#"{"id":"a","Password":"hunter2"}"#;
    let message = Message { key: Some(key), ..Message::bare("t", br#"{"at": 1}"#) };
    flattener.load(&message, "t", &mut batch).unwrap();
    let text = |column: usize| batch.rows(0).column(column).text(0).unwrap();
    assert_eq!((text(0), text(2)), (r#"{"id":"a"}"#, r#"{"id":"a"}"#));
}

/// Only an object has members. Where none are wanted, `data` may be anything.
#[test]
fn data_of_another_kind_is_named() {
    let file = "topic = 't'\n[envelope]\ntype = 'type'\nid = 'id'\ntime = 'at'\nkey = 'id'\ndata = ['data', '$message']\n\
        [[log]]\ntable = 'l'\nkey = 'k'\nevents = ['a']\ncolumns = [{ name = 'x', type = 'int', from = 'x' }]\n\
        [[log]]\ntable = 'm'\nkey = 'k'\nevents = ['b']\ncolumns = [{ name = 'x', type = 'json', from = '$data' }]";
    let mapping = Arc::new(Mapping::compile([("t.toml", file)]).unwrap());
    let mut flattener = Flattener::new(Arc::clone(&mapping), JsonLimits::MYSQL);
    let mut batch = Batch::new(&mapping);
    let mut load = |event: &str| {
        let text = format!(r#"{{"id": "1", "at": "2026-01-01T00:00:00Z", {event}}}"#);
        let loaded = flattener.load_value("t", text.as_bytes(), &mut batch);
        loaded.map(<[Loaded]>::len).map_err(|faulty| faulty.reject.text)
    };
    assert_eq!(load(r#""type": "a", "data": "x""#).unwrap_err(), "data is a string, not an object");
    assert_eq!(load(r#""type": "a", "data": null"#), Ok(1));
    assert_eq!(load(r#""type": "b", "data": [1]"#), Ok(1));
    assert!(load(r#""type": "c""#).unwrap_err().contains("has no table for events of this type"));
}

/// What is beside the message counts for each of its events: ten thousand copies of a key are not small.
#[test]
fn the_events_of_an_array_share_the_memory_of_one_message() {
    let with_key = READINGS.replace(
        "from = 'size' }",
        "from = 'size' }, { name = 'whole', type = 'text', from = '$key' }",
    );
    // Not as the key of the entity, which is short.
    let with_key = with_key.replace("\nkey = '$key'", "\nkey = '$topic'");
    let mapping = Arc::new(Mapping::compile([("t.toml", with_key.as_str())]).unwrap());
    let limits = MessageLimits { decode: usize::MAX, rows: 1_000_000 };
    let mut flattener = Flattener::new(Arc::clone(&mapping), JsonLimits::MYSQL).within(limits);
    let mut batch = Batch::new(&mapping);
    let key = "k".repeat(10_000);
    let mut load = |elements: usize| {
        let value = format!("[{}]", vec![r#"{"at": 1}"#; elements].join(","));
        let message = Message { key: Some(key.as_bytes()), ..Message::bare("t", value.as_bytes()) };
        let loaded = flattener.load(&message, "t", &mut batch).map(<[Loaded]>::len);
        (loaded.map_err(|faulty| faulty.reject.code), batch.rows(0).len())
    };
    assert_eq!(load(40), (Ok(40), 40));
    assert_eq!(load(1_000), (Err(crate::reject::Code::EventTooLarge), 40));
}

/// The row of a message in the first table of a mapping, or the verdict on it.
fn row(tables: &str, event: &str) -> Result<Vec<Option<String>>, crate::reject::Code> {
    let file = format!(
        "topic = 't'\nkey = 'k'\n[envelope]\ntype = 'type'\nid = 'id'\ntime = '$kafka_timestamp'\nkey = 'id'\n\
         data = '$message'\n{tables}"
    );
    let mapping = Arc::new(Mapping::compile([("t.toml", file.as_str())]).unwrap());
    let mut flattener = Flattener::new(Arc::clone(&mapping), JsonLimits::MYSQL);
    let mut batch = Batch::new(&mapping);
    let value = format!("{{\"id\": \"i\", {event}}}");
    let message = Message { timestamp_ms: Some(0), ..Message::bare("t", value.as_bytes()) };
    flattener.load(&message, "t", &mut batch).map_err(|faulty| faulty.reject.code)?;
    let (table, rows) = (&mapping.tables[0], batch.rows(0));
    let cell = |column: usize| match table.columns[column].storage {
        crate::mapping::Storage::Number => {
            let number = rows.column(column).number(0);
            (number != crate::buffer::NULL).then(|| number.to_string())
        }
        _ => rows.column(column).text(0).map(str::to_owned),
    };
    Ok((1..table.event_id()).map(cell).collect())
}

fn logged(column: &str, event: &str) -> Result<Option<String>, crate::reject::Code> {
    let table =
        format!("[[log]]\ntable = 'l'\nevents = ['*']\ncolumns = [{{ name = 'c', {column} }}]\n");
    row(&table, &format!("\"type\": \"a.b\", {event}")).map(|row| row[0].clone())
}

#[test]
fn what_deletes_by_a_beginning_spares_what_creates_by_a_name() {
    let tables = "[entity]\ntable = 'e'\ncreated_by = ['a.new', 'a.both']\ncolumns = []\n\
        deleted = { name = 'gone', on = ['a.*', 'a.both'] }\n";
    let gone = |event: &str| row(tables, &format!("\"type\": \"{event}\"")).unwrap()[0].clone();
    assert_eq!(gone("a.new").as_deref(), Some("0"));
    assert_eq!(gone("a.old").as_deref(), Some("1"));
    assert_eq!(gone("a.both").as_deref(), Some("1"));
}

#[test]
fn what_is_said_for_a_type_counts_before_what_is_said_for_all() {
    let column = "type = 'int', value = 1, from_on = { 'a.b' = 'x' }";
    assert_eq!(logged(column, "\"x\": 2").unwrap().as_deref(), Some("2"));
    let column = "type = 'int', value_on = { 'a.b' = 3 }, from_on = { 'a.b' = 'x' }";
    assert_eq!(logged(column, "\"x\": 2").unwrap().as_deref(), Some("3"));
}

#[test]
fn an_id_has_to_fit_its_column() {
    use crate::reject::Code;
    let column = "type = 'varchar(2)', from = '$event_id'";
    assert_eq!(logged(column, "\"x\": 2").unwrap().as_deref(), Some("i"));
    assert_eq!(logged(column, "\"id\": \"long\""), Err(Code::ValueTooLong));
}

/// A zero or a one is exactly that, and a part of a microsecond before 1970 is before 1970.
#[test]
fn numbers_are_exact() {
    use crate::reject::Code;
    let boolean = |value: &str| logged("type = 'boolean', from = 'x'", &format!("\"x\": {value}"));
    assert_eq!(boolean("1.0").unwrap().as_deref(), Some("1"));
    assert_eq!(boolean("-0.0").unwrap().as_deref(), Some("0"));
    assert_eq!(boolean("0.99999999999999999999"), Err(Code::ValueType));
    assert_eq!(boolean("1e-400"), Err(Code::ValueType));
    let day = |value: &str| {
        logged("type = 'date', from = 'x', convert = 'nanos'", &format!("\"x\": {value}"))
    };
    assert_eq!(day("-1").unwrap().as_deref(), Some("-1"));
    assert_eq!(day("-0").unwrap().as_deref(), Some("0"));
}

/// An array is in the way of a path that leads through it, whatever else takes its elements.
#[test]
fn a_path_through_an_array_of_lines_is_named() {
    let tables = "[[log]]\ntable = 'l'\nevents = ['a']\ncolumns = [{ name = 'c', type = 'int', from = 'items.n' }]\n\
        [entity]\ntable = 'e'\ncreated_by = 'a'\ncolumns = []\n\
        [[entity.lines]]\ntable = 'x'\neach = 'items'\nnumber = 'n'\ncolumns = []\n";
    let code = row(tables, r#""type": "a", "items": [{"n": 1}]"#);
    assert_eq!(code, Err(crate::reject::Code::ValueType));
}

/// `null` is not an event, and where `data` is missing, so is the value of a column that needs it.
#[test]
fn null_is_missing() {
    use crate::reject::Code;
    let load = |file: &str, value: Option<&[u8]>| {
        let mapping = Arc::new(Mapping::compile([("t.toml", file)]).unwrap());
        let mut flattener = Flattener::new(Arc::clone(&mapping), JsonLimits::MYSQL);
        let mut batch = Batch::new(&mapping);
        let message = Message {
            payload: value,
            key: Some(b"k"),
            timestamp_ms: Some(0),
            ..Message::bare("t", b"")
        };
        let loaded = flattener.load(&message, "t", &mut batch).map(<[Loaded]>::len);
        loaded.map_err(|faulty| faulty.reject.code)
    };
    let file = "topic = 't'\nkey = 'k'\n[envelope]\neach = 'list'\ntype = { value = 'r' }\nid = '$position'\n\
        time = '$kafka_timestamp'\nkey = '$key'\ndata = '$message'\n[[log]]\ntable = 'l'\nevents = ['*', '$tombstone']\n\
        columns = [{ name = 'c', type = 'json', from = '$data', required = true }]";
    assert_eq!(load(file, Some(br#"{"list": [{}]}"#)), Ok(1));
    assert_eq!(load(file, Some(br#"{"list": null}"#)), Err(Code::EnvelopeFieldMissing));
    assert_eq!(load(file, None), Err(Code::ValueMissing));
}

/// Keys that are texts tell two messages apart, whatever their letters.
#[test]
fn an_id_of_the_content_knows_the_key() {
    assert_ne!(ids("Zürich", r#"{"at": 1}"#), ids("Ätkich", r#"{"at": 1}"#));
    assert_ne!(ids("a b", r#"{"at": 1}"#), ids("c d", r#"{"at": 1}"#));
}

/// The ids in the first table of a mapping with these facts.
fn ids_of(envelope: &str, messages: &[Message<'_>]) -> Vec<String> {
    let file = format!(
        "topics = ['x', '00001-x']\n[envelope]\ntime = '$kafka_timestamp'\nkey = '$key'\ndata = '$message'\n{envelope}\n\
         [[log]]\ntable = 'l'\nkey = {{ name = 'k', from = '$topic' }}\nevents = ['*']\ncolumns = []\n"
    );
    let mapping = Arc::new(Mapping::compile([("t.toml", file.as_str())]).unwrap());
    let mut flattener = Flattener::new(Arc::clone(&mapping), JsonLimits::MYSQL);
    let mut batch = Batch::new(&mapping);
    for message in messages {
        let message = Message { timestamp_ms: Some(0), ..*message };
        flattener.load(&message, message.topic, &mut batch).unwrap();
    }
    let rows = batch.rows(0);
    let id = mapping.tables[0].event_id();
    (0..rows.len()).map(|row| rows.column(id).text(row).unwrap().to_owned()).collect()
}

/// What a header makes of a message is part of what it says; a secret in it is not.
#[test]
fn content_is_also_what_stands_beside_the_message() {
    use rdkafka::message::{Header, OwnedHeaders};
    let envelope = "type = '$header.Kind'\nid = '$content'";
    let headers =
        |kind: &str| OwnedHeaders::new().insert(Header { key: "Kind", value: Some(kind) });
    let kinds = ["made", "gone", "made", r#" {"a":1,"token":"x"}"#, r#" {"a":1,"token":"y"}"#];
    let kinds = kinds.map(headers);
    let message = |headers| Message {
        headers: crate::message::Headers::Kept(headers),
        ..Message::bare("x", br#"{"a": 1}"#)
    };
    let found = ids_of(envelope, &kinds.each_ref().map(message));
    assert_ne!(found[0], found[1]);
    assert_eq!(found[0], found[2]);
}

#[test]
fn no_two_places_have_one_id() {
    let envelope = "type = { value = 'a' }\nid = '$position'\neach = '$message'";
    let messages = [Message::bare("x", br#"[{"a": 1}]"#), Message::bare("00001-x", br#"{"a": 2}"#)];
    let found = ids_of(envelope, &messages);
    assert_eq!(found, ["00000000000000000000-0-00001-x", "00000000000000000000-0-00000-00001-x"]);
}

/// A letter never names the event of another message.
#[test]
fn a_message_without_events_has_no_identity() {
    let file = "topic = 't'\n[envelope]\ntype = 'type'\nid = 'id'\ntime = '$kafka_timestamp'\nkey = 'id'\n\
        data = '$message'\neach = 'events'\n[[log]]\ntable = 'l'\nkey = 'k'\nevents = ['*']\ncolumns = []\n";
    let mapping = Arc::new(Mapping::compile([("t.toml", file)]).unwrap());
    let mut flattener = Flattener::new(Arc::clone(&mapping), JsonLimits::MYSQL);
    let mut batch = Batch::new(&mapping);
    let mut load = |value: &str| {
        let message = Message { timestamp_ms: Some(0), ..Message::bare("t", value.as_bytes()) };
        flattener
            .load(&message, "t", &mut batch)
            .map(<[Loaded]>::len)
            .map_err(|faulty| faulty.identity)
    };
    assert_eq!(load(r#"{"events": [{"type": "a", "id": "i"}]}"#).ok(), Some(1));
    let identity = load(r#"{"other": 1}"#).unwrap_err();
    assert_eq!((identity.event_type, identity.event_id), (None, None));
}

#[test]
fn a_json_key_may_begin_with_a_blank() {
    let secrets = crate::redact::Secrets::default();
    let kept = key_of_letter(br#" {"id":1,"password":"p"}"#, None, &secrets);
    assert_eq!(kept.trim_ascii(), br#"{"id":1}"#);
    let header = header_of_letter(br#"{"id":1,"password":"p"}"#, &secrets);
    assert_eq!(&*header, br#"{"id":1}"#);
}
