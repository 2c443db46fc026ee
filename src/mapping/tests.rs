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
fn check(text: &str, expected: &[&str]) {
    let faults = match Mapping::compile([("x.toml", text)]) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.contains(expected), "{fault}\nshould contain\n{expected}");
    }
}

#[test]
fn faults_name_file_line_key_and_mend() {
    check("topic = 'a'\nkey = 'a_id'\ncolour = 1", &["x.toml:3: TOML: unknown field `colour`"]);
    check(
        "topic = 'a'\nkey = 'a_id'\n[[log]]\ntable = 'a_events'\nevents = ['b.x', '*']\ncolumns = [\n\
         { name = 'v', type = 'varchar', from = 'v' },\n\
         { name = 'w', type = 'enum(x, y)', value_on = { 'a.b' = 'z' } },\n\
         { name = 'p', type = 'text', from = 'contact.Password' },\n\
         { name = 'q', type = 'text', from = 'a..b' },\n\
         { name = 'r', type = 'json', from = 'a' },\n\
         { name = 's', type = 'text', from = 'a', convert = 'lenght' },\n]",
        &[
            "x.toml:7: varchar: \"varchar\": varchar takes a length",
            "x.toml:8: z: is not among the column's values: x, y",
            "x.toml:9: p: contact.Password leads through a redacted key",
            "x.toml:10: q: \"a..b\" is no dotted path",
            "x.toml:11: r: a json column takes $data only",
            "x.toml:12: lenght: is no conversion",
            "x.toml:5: b.x: is no event type of this topic",
        ],
    );
    check(
        "topic = 'a'\nkey = 'a_id'\n[entity]\ntable = 'a'\ncreated_by = 'a.made'\ncolumns = []\n\
         [[entity.changing]]\nname = 'status'\ntype = 'varchar(3)'\nfrom = 'status'\n\
         on = [{ event = 'a.b', value = 'long' }, { event = 'a.c' }]",
        &[
            "x.toml:11: long: is longer than the column's 3 characters",
            "x.toml:11: a.c: give either",
        ],
    );
}

#[test]
fn a_directory_replaces_and_extends() {
    let directory = tempfile::tempdir().unwrap();
    let order = "topic = 'order'\nkey = 'order_id'\n[[log]]\ntable = 'order_events'\nevents = ['*']\ncolumns = []";
    std::fs::write(directory.path().join("mine.toml"), order).unwrap();
    std::fs::write(directory.path().join("ticket.toml"), order.replace("order", "ticket")).unwrap();
    std::fs::write(directory.path().join("notes.txt"), "no mapping").unwrap();
    let mapping = Mapping::with_directory(directory.path()).unwrap();
    assert!(mapping.table("orders").is_none());
    assert!(mapping.table("ticket_events").is_some());
    assert!(mapping.table("users").is_some());
}
