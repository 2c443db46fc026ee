use super::*;

#[test]
fn the_built_in_domains_compile() {
    let mapping = Mapping::built_in().unwrap();
    assert_eq!(mapping.tables.len(), 18);
    assert_eq!(
        mapping.topic_names(),
        ["community", "order", "post", "product", "promotion", "supplier", "user"]
    );
    let order = &mapping.topics["order"];
    let created = &order.events["order.created"];
    assert_eq!((created.rows.len(), created.lines.len()), (2, 1));
    assert_eq!(order.other.rows.len(), 1, "other events are logged only");
}

#[test]
fn each_event_goes_to_one_log_table() {
    let mapping = Mapping::built_in().unwrap();
    for topic in mapping.topics.values() {
        for plan in topic.events.values().chain([&topic.other]) {
            let logs = plan.rows.iter().filter(|row| row.role == Role::Log).count();
            assert_eq!(logs, 1, "{}", mapping.labels[plan.label].event_type);
        }
    }
    let login = &mapping.topics["user"].events["user.login"].rows[0];
    assert_eq!(mapping.tables[login.table].name, "user_logins");
}

#[test]
fn every_row_has_a_cell_for_each_column() {
    let mapping = Mapping::built_in().unwrap();
    for topic in mapping.topics.values() {
        for plan in topic.events.values().chain([&topic.other]) {
            for row in &plan.rows {
                assert_eq!(
                    row.cells.len(),
                    mapping.tables[row.table].columns.len(),
                    "{}",
                    plan.label
                );
            }
            for lines in &plan.lines {
                assert_eq!(lines.cells.len(), mapping.tables[lines.table].columns.len());
            }
        }
    }
}

#[track_caller]
pub(super) fn check(text: &str, expected: &[&str]) {
    let faults = match Mapping::compile([("x.toml", text)]) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.contains(expected), "{fault}\nshould contain\n{expected}");
    }
}

/// A file about topic `a` with a log of everything and `rest`.
fn with_log(rest: &str) -> String {
    format!(
        "topic = 'a'\nkey = 'a_id'\n[[log]]\ntable = 'a_events'\nevents = ['*']\ncolumns = []\n{rest}"
    )
}

/// A file about topic `a` with these columns in its log.
fn with_columns(columns: &str) -> String {
    with_log("").replace("columns = []", &format!("columns = [\n{columns}\n]"))
}

const ENTITY: &str = "[entity]\ntable = 'a'\ncreated_by = 'a.made'\ncolumns = []\n";

#[test]
fn faults_name_file_line_key_and_fix() {
    check(
        "topic = 'a'\nkey = 'a_id'\n[[log]]\ntable = 'a_events'\nevents = ['b.x', '*']\ncolumns = [\n\
         { name = 'v', type = 'varchar', from = 'v' },\n\
         { name = 'w', type = 'enum(x, y)', value_on = { 'a.b' = 'z' } },\n\
         { name = 'p', type = 'text', from = 'contact.Password' },\n\
         { name = 'q', type = 'text', from = 'a..b' },\n\
         { name = 'r', type = 'json', from = 'a' },\n\
         { name = 's', type = 'text', from = 'a', convert = 'lenght' },\n]",
        &[
            "x.toml:5: b.x: is not an event type of this topic",
            "x.toml:7: varchar: \"varchar\": varchar takes a length",
            "x.toml:8: z: is not one of the column's values: x, y",
            "x.toml:9: p: contact.Password leads through a redacted key",
            "x.toml:10: q: \"a..b\" is not a dotted path",
            "x.toml:12: lenght: is not a conversion; there are seconds",
        ],
    );
    check(
        &with_log(&format!(
            "{ENTITY}[[entity.changing]]\nname = 'status'\ntype = 'varchar(3)'\nfrom = 'status'\n\
             on = [{{ event = 'a.b', value = 'long' }},\n{{ event = 'a.c' }},\n{{ event = 'a.b', value = 'x' }}]"
        )),
        &[
            "x.toml:15: long: is longer than the column's VARCHAR(3)",
            "x.toml:16: a.c: give either",
            "x.toml:17: a.b: comes twice in `on`",
        ],
    );
}

#[test]
fn one_fault_hides_no_other() {
    check(
        "topic = 'a'\nkey = 7\ncolour = 1\nredacted = ['x']\n[entity]\ntable = 'a'\ncreated_by = 'a.made'\n\
         [[log]]\ntable = 'a_events'\nevent = ['*']\ncolumns = [\n\
         { name = 'v', typ = 'text' },\n\
         { name = 'w', type = 'text', required = 'yes', from = [] },\n\
         { name = 'x', type = 'text', from = 7 },\n\
         { name = 'y', type = 'text', value_on = 'x' },\n 3 ]\n\
         [[log]]\ntable = 'b'\nevents = '*'\ncolumns = { name = 'x' }\n",
        &[
            "x.toml:2: key: expected a string, or a table such as",
            "x.toml:3: colour: unknown key in a mapping file; known keys are topic, topics, key, redact",
            "x.toml:4: redacted: unknown key in a mapping file; did you mean redact?",
            "x.toml:5: columns: is missing in [entity]",
            "x.toml:8: events: is missing in [[log]]",
            "x.toml:10: event: unknown key in [[log]]; did you mean events?",
            "x.toml:12: type: is missing in a column",
            "x.toml:12: typ: unknown key in a column; did you mean type?",
            "x.toml:13: from: is empty",
            "x.toml:13: required: expected true or false, found string",
            "x.toml:14: from: expected a path or a list of paths, found integer",
            "x.toml:15: value_on: expected a table such as",
            "x.toml:16: columns: expected a table: a column, found integer",
            "x.toml:19: events: expected a list of strings, found string",
            "x.toml:20: columns: expected a list of tables",
        ],
    );
    // Even where the text is not TOML, what follows is read.
    check(
        &with_columns(
            "{ name = 'v' type = 'text' },\n{ name = 'w', type = 'number', from = 'a[0]' }",
        ),
        &[
            "x.toml:7: TOML: ",
            "x.toml:8: number: unknown type",
            "x.toml:8: w: \"a[0]\" points into",
        ],
    );
}

#[test]
fn every_event_type_goes_somewhere() {
    let nowhere = "x.toml:1: a: event types that this file does not name would go nowhere; add a [[log]] with events = [\"*\"] to keep them, or ignore = [\"*\"] to count and skip them";
    let file = "topic = 'a'\nkey = 'a_id'\n";
    check(file, &[nowhere]);
    check(&format!("{file}ignore = ['a.ping']"), &[nowhere]);
    check(&format!("{file}{ENTITY}"), &[nowhere]);
    check(&with_log("").replace("'*'", "'a.b', 'a.c'"), &[nowhere]);
    check(&with_log(""), &[]);
    let ignoring = |what: &str, rest: &str| format!("ignore = [{what}]\n{rest}");
    check(&ignoring("'*'", file), &[]);
    check(&ignoring("'a.ping'", &with_log("")), &[]);
    check(&ignoring("'*', 'a.ping'", &format!("{file}{ENTITY}")), &[]);
    // What is ignored goes nowhere else.
    check(&ignoring("'*'", &with_log("")), &["x.toml:1: *: is ignored, but"]);
    check(
        &ignoring(
            "'a.made', 'a.b', 'a.c', 'b.c', 'a.C'",
            &with_log(&format!(
                "{ENTITY}[[entity.changing]]\nname = 's'\ntype = 'text'\nfrom = 's'\n\
             on = [{{ event = 'a.b', value = 'x' }}, {{ event = 'a.c', from = 's', if_present = true }}]"
            )),
        ),
        &[
            "x.toml:1: a.made: is ignored, but a takes it; remove one of the two",
            "x.toml:1: a.b: is ignored, but a takes it",
            "x.toml:1: b.c: is not an event type of this topic",
            "x.toml:1: a.C: is not an event type of this topic",
        ],
    );
}

#[test]
fn what_is_ignored_by_name_is_not_every_other_event() {
    let file = format!("ignore = ['a.ping']\n{}", with_log(""));
    let mapping = Mapping::compile([("x.toml", file.as_str())]).unwrap();
    let topic = &mapping.topics["a"];
    assert!(topic.events["a.ping"].rows.is_empty());
    assert_eq!(topic.other.rows.len(), 1);
}

#[test]
fn topics_have_any_name_that_kafka_takes() {
    for topic in ["shop.orders-v2", "Orders", "a", &"x".repeat(98)] {
        let file = with_log("").replace("topic = 'a'", &format!("topic = '{topic}'"));
        let named = file.replace("'*'", &format!("'*', '{topic}.0'"));
        check(&file, &[]);
        check(&named, &[]);
    }
    for topic in ["", ".", "..", "a b", "a/b", "\u{e4}", &"x".repeat(99)] {
        let file = with_log("").replace("topic = 'a'", &format!("topic = '{topic}'"));
        check(&file, &[if topic.len() == 99 { "at most 98" } else { "is not a Kafka topic name" }]);
    }
    let long = format!("a.{}", "x".repeat(99));
    for event in ["a.", "a", "a.b.c", "a.B", "a.b-c", "A.b", "b.c", long.as_str()] {
        check(&with_log("").replace("'*'", &format!("'*', '{event}'")), &["is not an event type"]);
    }
}

#[test]
fn a_path_that_can_never_match_is_a_fault() {
    for path in ["items[0].sku", "items[].sku", "items.*.sku", "*"] {
        let column = format!("{{ name = 'v', type = 'text', from = '{path}' }}");
        check(&with_columns(&column), &["x.toml:7: v: "]);
        let faults = Mapping::compile([("x.toml", with_columns(&column).as_str())]).unwrap_err();
        assert!(faults[0].problem.contains("points into an array"), "{}", faults[0]);
        assert!(faults[0].problem.contains("[[entity.lines]]"), "{}", faults[0]);
    }
    for path in ["/a/b", "a.\"b", "a.\"\"", "a.", ".a", ""] {
        let column = format!("{{ name = 'v', type = 'text', from = '{path}' }}");
        check(&with_columns(&column), &["is not a dotted path"]);
    }
    check(
        &with_columns(
            "{ name = 'v', type = 'varchar(100)', from = ['$event_type', 'a'] },\n\
             { name = 'w', type = 'text', from = '$.a' }",
        ),
        &[
            "x.toml:7: $event_type: always has a value",
            "x.toml:8: w: $.a is unknown; there are $event_type",
        ],
    );
    check(
        &with_log(
            "[entity]\ntable = 'a'\ncreated_by = 'a.made'\ncolumns = [\n\
             { name = 'sku', type = 'text', from = 'items.sku' }]\n\
             [[entity.changing]]\nname = 's'\ntype = 'text'\nfrom = 's[1]'\n\
             on = [{ event = 'a.b', from = 'x[1]' }, { event = 'a.c', from = '$data' }]\n\
             [[entity.lines]]\ntable = 'a_lines'\neach = 'items'\nnumber = 'n'\ncolumns = [\n\
             { name = 'v', type = 'text', from_on = { 'a.made' = 'v' } }]\n\
             [[entity.lines]]\ntable = 'b_lines'\neach = 'items[0].parts'\nnumber = 'n'\ncolumns = []",
        ),
        &[
            "x.toml:11: items.sku: leads into the array items",
            "x.toml:15: s[1]: \"s[1]\" points into an array",
            "x.toml:16: x[1]: \"x[1]\" points into an array",
            "x.toml:16: $data: is not a path in `data`",
            "x.toml:22: a.made: only the creation event has lines",
            "x.toml:25: items[0].parts: \"items[0].parts\" points into an array",
        ],
    );
}

/// In every place of a file, and whatever its case.
#[test]
fn no_path_leads_through_a_secret() {
    check(
        &format!(
            "redact = ['Pin', 'payment', 'audit', 'Tax_Id']\n{}",
            with_log(
                "[entity]\ntable = 'a'\ncreated_by = 'a.made'\ncolumns = [\n\
             { name = 'c1', type = 'text', from = 'Payment.card' },\n\
             { name = 'c2', type = 'bigint', from = 'audit', convert = 'length' },\n\
             { name = 'c3', type = 'text', from = ['x', 'y.PIN'] },\n\
             { name = 'c4', type = 'text', from = 'x', from_on = { 'a.made' = 'to\u{212A}en' } },\n\
             { name = 'c5', type = 'text', from = 'tax_id', keep_secret = true },\n\
             { name = 'c6', type = 'text', from = 'plain', keep_secret = true },\n]\n\
             [[entity.changing]]\nname = 'card'\ntype = 'text'\nfrom = 'PAYMENT.card.number'\n\
             on = [{ event = 'a.b', from = 'payment.card.number' },\n\
             { event = 'a.c', from = 'a.SECRET', if_present = true }]\n\
             [[entity.lines]]\ntable = 'a_lines'\neach = 'payment.cards'\nnumber = 'n'\ncolumns = [\n\
             { name = 'd', type = 'text', from = 'number' },\n\
             { name = 'e', type = 'text', from = 'x.Api_Key' }]",
            )
        ),
        &[
            "x.toml:12: c1: Payment.card leads through a redacted key",
            "x.toml:13: c2: audit leads through a redacted key",
            "x.toml:14: c3: y.PIN leads through a redacted key",
            "x.toml:15: c4: to\u{212A}en leads through a redacted key",
            "x.toml:17: c6: none of its paths leads through a redacted key; remove keep_secret",
            "x.toml:22: PAYMENT.card.number: leads through a redacted key",
            "x.toml:23: payment.card.number: leads through a redacted key",
            "x.toml:24: a.SECRET: leads through a redacted key",
            "x.toml:27: payment.cards: leads through a redacted key",
            "x.toml:31: e: x.Api_Key leads through a redacted key",
        ],
    );
}

#[test]
fn names_are_the_users_to_choose_but_for_a_few() {
    let table = |name: &str| with_log("").replace("'a_events'", &format!("'{name}'"));
    for name in ["new", "select", "1", &"x".repeat(61)] {
        check(&table(name), &[]);
    }
    for name in ["dead_letters", "Dead_Letters", "_sqlx_migrations", "sluicegate_progress"] {
        check(&table(name), &["is reserved for sluicegate's own tables"]);
    }
    check(&table("a-b"), &["is not a name; use letters, digits and _"]);
    check(&table(&"x".repeat(62)), &["is too long; use at most 61 characters"]);
    let column = |name: &str| with_columns(&format!("{{ name = '{name}', type = 'text' }}"));
    check(&column("New"), &[]);
    check(&column("ID"), &["column ID is reserved: the server fills it"]);
    check(&column("Created_At"), &["column Created_At is reserved"]);
    check(&column("db_row_id"), &["column db_row_id is reserved: InnoDB uses it"]);
    check(&column("A_ID"), &["column A_ID comes twice"]);
    check(&column("Event_Id"), &["column event_id comes twice"]);
    check(&column(&"x".repeat(65)), &["is too long; use at most 64 characters"]);
    let changing = "x".repeat(54);
    check(
        &with_log(&format!(
            "{ENTITY}[[entity.changing]]\nname = '{changing}'\ntype = 'text'\nfrom = 's'\non = []"
        )),
        &["_changed_at\" is too long", "_changed_by\" is too long"],
    );
    check(
        &with_log("[[log]]\ntable = 'A_EVENTS'\nevents = ['a.b']\ncolumns = []"),
        &["another table already has this name: a_events"],
    );
}

/// Files by name in a directory of their own, and what the mapping says of it.
fn in_directory(files: &[(&str, &str)]) -> Result<Mapping, Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let faults = |faults: Vec<MappingError>| faults.iter().map(ToString::to_string).collect();
    Mapping::with_directory(directory.path(), true).map_err(faults)
}

const ORDER: &str = "topic = 'order'\nkey = 'order_id'\n[[log]]\ntable = 'order_events'\nevents = ['*']\ncolumns = []";

#[test]
fn a_directory_replaces_and_extends() {
    let ticket = ORDER.replace("order", "ticket");
    let mapping = in_directory(&[
        ("mine.toml", ORDER),
        ("ticket.toml", &ticket),
        ("notes.txt", "no mapping"),
        ("old.toml.bak", "no mapping"),
    ]);
    let mapping = mapping.unwrap();
    assert!(mapping.table("orders").is_none());
    assert!(mapping.table("ticket_events").is_some());
    assert!(mapping.table("users").is_some());
}

#[test]
fn two_files_about_one_topic_are_both_named() {
    let faults = in_directory(&[("a.toml", ORDER), ("b.toml", ORDER)]).unwrap_err();
    let about = faults.iter().find(|fault| fault.contains("already maps this topic")).unwrap();
    assert!(about.contains("a.toml") && about.contains("b.toml:1: order"), "{faults:#?}");
}

#[test]
fn a_directory_without_mapping_files_is_a_fault() {
    for (files, expected) in [
        (&[][..], &["has no mapping file, whose name ends in .toml (the directory is empty)"][..]),
        (&[("order.toml.bak", ORDER)], &["(found only order.toml.bak)"]),
        (
            &[("order.tml", ORDER)],
            &[
                "order.tml:1: file: is not read, because its name does not end in .toml",
                "has no mapping file",
            ],
        ),
        (&[("mine.toml", ORDER), ("user.TOML", ORDER)], &["user.TOML:1: file: is not read"]),
        (
            &[("bad.toml", "topic = 'x'"), ("user.tmol", ORDER)],
            &["user.tmol:1: file: is not read", "bad.toml:1: key: is missing in a mapping file"],
        ),
    ] {
        let faults = in_directory(files).unwrap_err();
        assert_eq!(faults.len(), expected.len(), "{faults:#?}");
        for (fault, expected) in faults.iter().zip(expected) {
            assert!(fault.contains(expected), "{fault}\nshould contain\n{expected}");
        }
    }
}

/// Every whole file in the documentation compiles.
#[test]
fn the_documented_files_compile() {
    let (reference, way) =
        (include_str!("../../docs/mapping.md"), include_str!("../../docs/your-own-events.md"));
    let mut files = 0;
    for text in [reference, way, include_str!("../../README.md")] {
        for block in text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            if block.starts_with("topic") {
                check(block, &[]);
                files += 1;
            }
        }
    }
    assert_eq!(files, 6);
}
