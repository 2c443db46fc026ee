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
