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
