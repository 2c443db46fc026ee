use crate::mapping::tests::check;
use crate::mapping::{Mapping, Source};

/// A file with this `[envelope]` and these tables.
fn file(envelope: &str, tables: &str) -> String {
    format!("topic = 't'\nkey = 'k'\n{envelope}\n{tables}")
}

const LOG: &str = "[[log]]\ntable = 'l'\nevents = ['*']\ncolumns = []";
const ENVELOPE: &str =
    "[envelope]\ntype = 'type'\nid = 'id'\ntime = 'time'\nkey = 'key'\ndata = 'data'";

#[track_caller]
fn check_envelope(from: &str, to: &str, expected: &[&str]) {
    let envelope = ENVELOPE.replace(from, to);
    assert_ne!(envelope, ENVELOPE, "{from}");
    check(&file(&envelope, LOG), expected);
}

#[test]
fn the_choice_of_an_id_is_explained() {
    check(&file(ENVELOPE, LOG), &[]);
    check_envelope(
        "id = 'id'",
        "",
        &["x.toml:3: id: is missing in [envelope]; an event needs an id"],
    );
    for choice in ["$content", "$position"] {
        check_envelope("id = 'id'", &format!("id = '{choice}'"), &[]);
        let faults =
            Mapping::compile([("x.toml", file(&ENVELOPE.replace("id = 'id'", ""), LOG).as_str())]);
        assert!(faults.unwrap_err()[0].problem.contains(choice), "{choice}");
    }
    check_envelope("id = 'id'", "id = { value = '1' }", &["is the same for every event"]);
    for same in ["$offset", "$topic"] {
        check_envelope(
            "id = 'id'",
            &format!("id = '{same}'"),
            &["is not a text or a whole number"],
        );
    }
}

#[test]
fn what_would_never_count_is_a_fault() {
    let entity = |created_by: &str, columns: &str| {
        format!("[entity]\ntable = 'e'\ncreated_by = {created_by}\ncolumns = [{columns}]")
    };
    let ignoring = |tables: String| format!("ignore = ['*']\n{}", file(ENVELOPE, &tables));
    check(&ignoring(entity("['*']", "")), &["*: is ignored, but e takes it"]);
    check(&ignoring(entity("['a']", "")), &[]);
    check(&file(ENVELOPE, &entity("[]", "")), &["created_by: is empty"]);
    let column = |event: &str| {
        format!("{{ name = 'c', type = 'text', from = 'c', from_on = {{ '{event}' = 'd' }} }}")
    };
    check(&file(ENVELOPE, &entity("['a']", &column("a"))), &[]);
    check(&file(ENVELOPE, &entity("'a.*'", &column("a.b"))), &[]);
    check(
        &file(ENVELOPE, &entity("['a']", &column("b"))),
        &["b: is not an event type that e takes"],
    );
    let log = |events: &str, event: &str| {
        let column = column(event);
        format!("[[log]]\ntable = 'l'\nevents = ['{events}']\ncolumns = [{column}]")
    };
    check(&file(ENVELOPE, &log("*", "b")), &[]);
    check(&file(ENVELOPE, &log("a", "b")), &["b: is not an event type that l takes"]);
}

#[test]
fn nothing_comes_after_what_is_always_there() {
    let fault = ["always has a value, so a path after it would never count"];
    check_envelope("data = 'data'", "data = ['$message', 'data']", &fault);
    check_envelope("data = 'data'", "data = ['data', '$message']", &[]);
    check_envelope("type = 'type'", "type = ['$topic', 'type']", &fault);
    check_envelope("time = 'time'", "time = ['$kafka_timestamp', 'time']", &[]);
}

#[test]
fn facts_are_checked_where_they_stand() {
    check_envelope("'type'", "{ value = '' }", &["x.toml:4: : is not an event type"]);
    check_envelope(
        "'type'",
        "{ from = 'a', value = 'b' }",
        &["x.toml:4: type: needs one of `from`, `value` and `join`"],
    );
    check_envelope("'type'", "7", &["x.toml:4: type: expected a path or a list of paths"]);
    check_envelope("'time'", "'$event_id'", &["x.toml:6: $event_id: is not a time"]);
    check_envelope(
        "'time'",
        "{ from = 'a', convert = 'text' }",
        &["x.toml:6: text: gives no time"],
    );
    check_envelope(
        "'time'",
        "{ from = 'a', convert = 'secs' }",
        &["x.toml:6: secs: is not a conversion"],
    );
    check_envelope("'key'", "'a[0]'", &["x.toml:7: a[0]: \"a[0]\" points into an array"]);
    check_envelope("'data'", "'$key'", &["x.toml:8: $key: is not a path in the message"]);
    check_envelope("'data'", "['a', '$message']", &[]);
    check(
        &file(
            "[envelope]\ntype = 'a'\neach = 'a..b'\nid = 'i'\ntime = 't'\nkey = 'k'\ndata = 'd'",
            LOG,
        ),
        &["x.toml:5: a..b"],
    );
}

/// In every place of the envelope and of keys.
#[test]
fn no_fact_leads_through_a_secret() {
    for fact in ["type = 'type'", "id = 'id'", "time = 'time'", "key = 'key'", "data = 'data'"] {
        let name = fact.split(' ').next().unwrap();
        for path in ["a.Token", "$key.password", "$header.X-Api-Key"] {
            if name == "data" && path.starts_with('$') {
                continue;
            }
            let secret = format!("{name} = '{path}'");
            check_envelope(fact, &secret, &["leads through a redacted key"]);
        }
    }
    let own = LOG.replace("events", "key = { name = 'k', from = 'a.secret' }\nevents");
    check(&file(ENVELOPE, &own), &["a.secret: leads through a redacted key"]);
}

#[test]
fn keys_have_a_source_and_a_type() {
    let without = ENVELOPE.replace("key = 'key'\n", "");
    check(&file(&without, LOG), &["l: has a key without a source"]);
    let of = |key: &str| file(ENVELOPE, &LOG.replace("events", &format!("key = {key}\nevents")));
    check(&of("{ name = 'k', from = 'a', type = 'bigint' }"), &[]);
    check(&of("{ name = 'k', from = 'a', type = 'text' }"), &["text: cannot be a key"]);
    check(&of("{ name = 'k', from = 'a', type = 'double' }"), &["double: cannot be a key"]);
    check(&of("{ name = 'k', from = 'a', type = 'varchar(761)' }"), &["is too long for a key"]);
    // What a conversion gives is written as it is, so it has to be of the key's type.
    check(
        &of("{ name = 'k', from = 'a', type = 'bigint', convert = 'text' }"),
        &["text: does not give a BIGINT"],
    );
    check(&of("{ name = 'k', from = 'a', type = 'bigint', convert = 'number' }"), &[]);
}

#[test]
fn a_tombstone_has_nothing_but_its_place() {
    let tables = "[entity]\ntable = 'e'\ncreated_by = '*'\ndeleted = { name = 'deleted', on = '$tombstone' }\n\
        columns = [{ name = 'n', type = 'int', from = 'n', required = true }]";
    check(
        &file(ENVELOPE, tables),
        &[
            "x.toml:5: id: is in the message, but $tombstone has none",
            "x.toml:6: time: is in the message, but $tombstone has none",
            "x.toml:7: key: is in the message, but $tombstone has none",
            "x.toml:13: n: is required, but $tombstone has no value for it",
        ],
    );
    let placed = "[envelope]\ntype = 'type'\nid = '$position'\ntime = ['time', '$kafka_timestamp']\nkey = '$key'\ndata = 'data'";
    check(&file(placed, &tables.replace(", required = true", "")), &[]);
}

#[test]
fn contracts_have_one_topic_and_one_kind() {
    let entity =
        |name: &str| format!("[[entity]]\ntable = '{name}'\ncreated_by = 't.made'\ncolumns = []\n");
    let two = format!("{}{}{LOG}", entity("a"), entity("b"));
    check(&file("", &two), &["b: is a second kind of entity, which needs [envelope]"]);
    check(&file(ENVELOPE, &two), &[]);
    let topics = file("", LOG).replace("topic = 't'", "topics = ['t', 'u']");
    check(&topics, &["u: is a second topic, which needs [envelope]"]);
    check(
        &file("", &format!("{}{LOG}", entity("a").replace("'t.made'", "'*'"))),
        &["*: creates with every event"],
    );
    check(
        &file("", &LOG.replace("table", "key = { name = 'x', from = 'y' }\ntable")),
        &["a key of your own needs [envelope]"],
    );
    check(&file("", &LOG.replace("'*'", "'*', 't.*'")), &["t.*: is not an event type"]);
}

#[test]
fn required_needs_an_honest_empty_value() {
    let tables = "[entity]\ntable = 'e'\ncreated_by = 'a'\ncolumns = [\n\
        { name = 'n', type = 'int', from = 'n', required = true },\n\
        { name = 's', type = 'varchar(5)', from = 's', required = true }]\n\
        [[entity.changing]]\nname = 'c'\ntype = 'int'\nfrom = 'c'\non = [{ event = 'b', from = 'c' }]";
    check(&file(ENVELOPE, tables), &["n: is required, but a change may come before the creation"]);
}

#[test]
fn the_closest_name_of_a_type_counts() {
    let tables = "ignore = ['a.draft', 'z.*']\n[envelope]\ntype = 'type'\nid = 'id'\ntime = 'time'\nkey = 'key'\ndata = 'data'\n\
        [entity]\ntable = 'e'\ncreated_by = ['a.*', '*']\ncolumns = []\n\
        [[entity.changing]]\nname = 'c'\ntype = 'int'\nfrom = 'c'\non = [{ event = 'a.c', from = 'c' }]\n\
        [[log]]\ntable = 'l'\nevents = ['a.c', '*']\ncolumns = [{ name = 'k2', type = 'text', from = '$key.x' }]";
    let mapping =
        Mapping::compile([("x.toml", format!("topic = 't'\nkey = 'k'\n{tables}").as_str())])
            .unwrap();
    let topic = &mapping.topics["t"];
    let rows = |event: &str| -> Vec<&str> {
        let tables = topic.plan(event).rows.iter().map(|row| row.table);
        tables.map(|table| mapping.tables[table].name.as_str()).collect()
    };
    assert_eq!(rows("a.draft"), [""; 0]);
    assert_eq!(rows("z.y"), [""; 0]);
    assert_eq!(rows("a.b"), ["e", "l"]);
    assert_eq!(rows("a.c"), ["e", "l"]);
    assert_eq!(rows("other"), ["e", "l"]);
    assert!(topic.tombstone.is_none());
    assert_eq!(topic.key.slots, 1);
    let cell = topic.plan("a.b").rows[1]
        .cells
        .iter()
        .find(|cell| matches!(cell.source, Source::Places(_)));
    assert!(cell.is_some());
}

/// What would never count, or never fit, is a fault.
#[test]
fn what_would_say_nothing_is_a_fault() {
    let key = "is a path or a list of paths: a constant is the same for every entity";
    check_envelope("key = 'key'", "key = { value = 'k' }", &[key]);
    check_envelope("key = 'key'", "key = { join = ['a', 'b'] }", &[key]);
    let seconds = "{ from = 'a', convert = 'seconds' }";
    check_envelope("'type'", seconds, &["seconds: does not give a text"]);
    check_envelope("id = 'id'", &format!("id = {seconds}"), &["seconds: does not give a text"]);
    let table = "[[log]]\ntable = 'l'\nkey = { name = 'k', convert = 'text' }\nevents = ['*']\ncolumns = []";
    check(&file(ENVELOPE, table), &["x.toml:11: text: is for a value that `from` names"]);
    let columns =
        |column: &str| file(ENVELOPE, &LOG.replace("[]", &format!("[{{ name = 'c', {column} }}]")));
    let several = "stands for several event types; name each of them here";
    check(&columns("type = 'int', from_on = { 'a.*' = 'x' }"), &[several]);
    check(&columns("type = 'int', from = 'x', min = 0.5"), &["0.5: is not a whole number"]);
    check(
        &columns("type = 'tinyint', from = 'x', min = 200"),
        &["200: leaves no value of a column of -128 to 127"],
    );
    check(&columns("type = 'enum(a, b, A)', from = 'x'"), &["A comes twice"]);
}

#[test]
fn an_array_gives_lines_to_one_table() {
    let lines = |table: &str, each: &str| {
        format!(
            "[[entity.lines]]\ntable = '{table}'\neach = '{each}'\nnumber = 'n'\ncolumns = []\n"
        )
    };
    let entity = |table: &str, event: &str, each: &str| {
        format!(
            "[[entity]]\ntable = '{table}'\ncreated_by = '{event}'\ncolumns = []\n{}",
            lines(&format!("{table}_lines"), each)
        )
    };
    let two = |one: &str, other: &str| {
        file(ENVELOPE, &(entity("a", one, "items") + &entity("b", other, "items")))
    };
    check(&two("x", "y"), &[]);
    check(&two("x.*", "x.y"), &["items: is an array whose elements go to a_lines already"]);
    check(
        &file(ENVELOPE, &(entity("a", "x", "items") + &lines("c", "items.parts"))),
        &["items.parts: leads into the array items"],
    );
}
