use super::*;

fn load(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> (Result<Config, Vec<String>>, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.toml");
    std::fs::write(&path, file).unwrap();
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    let sources = Sources {
        file: Some(path),
        environment: environment.iter().map(owned).collect(),
        flags: flags.iter().map(|f| ("--set".to_owned(), f.0.to_owned(), f.1.to_owned())).collect(),
    };
    let (config, effective) = sources.load();
    let faults = |faults: Vec<ConfigError>| {
        faults
            .iter()
            .map(|f| {
                f.to_string()
                    .rsplit_once("s.toml")
                    .map_or(f.to_string(), |p| format!("s.toml{}", p.1))
            })
            .collect()
    };
    (config.map_err(faults), effective.to_toml())
}

#[test]
fn the_defaults_are_valid() {
    let (config, _) = load("", &[], &[]);
    let config = config.unwrap();
    assert_eq!(config.kafka.properties["group.id"], "mysql-analytics-service");
    assert_eq!(config.batch.bytes, 8 * 1024 * 1024);
    assert_eq!(config.flush.batches(), 4);
}

#[test]
fn later_layers_win_and_say_where_they_are() {
    let file = "[mysql]\nhost = 'from-file'\nport = 1\nuser = 'from-file'";
    let environment =
        [("MYSQL_HOST", "from-legacy"), ("SLUICEGATE__MYSQL__PORT", "2"), ("MYSQL_PORT", "3")];
    let (config, shown) = load(file, &environment, &[("mysql.port", "4")]);
    let server = config.unwrap().server;
    assert_eq!(
        (server.host.as_str(), server.port, server.user.as_str()),
        ("from-legacy", 4, "from-file")
    );
    assert!(shown.contains("# environment MYSQL_HOST"), "{shown}");
    assert!(shown.contains("s.toml:4\n") && shown.contains("# flag --set"), "{shown}");
}

#[test]
fn secrets_are_masked_and_read_from_files() {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    std::fs::write(&secret, "from file\n").unwrap();
    let file = format!(
        "[mysql]\npassword_file = '{}'\n[kafka]\nsasl_password = 'hunter2'\n[kafka.properties]\n'ssl.key.password' = 'hunter3'",
        secret.display()
    );
    let (config, shown) = load(&file, &[], &[]);
    let config = config.unwrap();
    assert_eq!(config.server.password.as_deref(), Some("from file"));
    assert_eq!(config.kafka.properties["sasl.password"], "hunter2");
    assert!(!shown.contains("hunter") && shown.contains("***"), "{shown}");
    assert!(
        !format!("{config:?}").contains("hunter") && !format!("{config:?}").contains("from file")
    );
}

#[test]
fn numbers_in_the_environment_stay_text_where_text_is_wanted() {
    let (config, _) =
        load("", &[("SLUICEGATE__MYSQL__PASSWORD", "0123"), ("MYSQL_DATABASE", "7")], &[]);
    let server = config.unwrap().server;
    assert_eq!((server.password.as_deref(), server.database.as_str()), (Some("0123"), "7"));
}

#[test]
fn properties_pass_through() {
    let (config, _) = load(
        "[kafka.properties]\n\"fetch.min.bytes\" = 5",
        &[("SLUICEGATE__KAFKA__PROPERTIES__SOCKET_KEEPALIVE_ENABLE", "true")],
        &[("kafka.properties.fetch.max.bytes", "77")],
    );
    let properties = config.unwrap().kafka.properties;
    for (name, value) in
        [("fetch.min.bytes", "5"), ("socket.keepalive.enable", "true"), ("fetch.max.bytes", "77")]
    {
        assert_eq!(properties[name], value, "{name}");
    }
}

#[test]
fn waits_for_locks_are_whole_seconds() {
    let load = |wait| load("", &[], &[("flush.lock_wait_timeout", wait)]).0;
    for (wait, seconds) in [("1s", 1), ("90s", 90), ("1h", 3600)] {
        assert_eq!(load(wait).unwrap().server.lock_wait_timeout.as_secs(), seconds);
    }
    for wait in ["0s", "500ms", "1500ms", "2h", "soon"] {
        let faults = format!("{:?}", load(wait).unwrap_err());
        assert!(faults.contains("must be whole seconds from"), "{wait}: {faults}");
    }
}

#[test]
fn every_fault_at_once_with_the_mend() {
    let file = "[mysql]\nprot = 1\nport = 'x'\ntls_mode = 'on'\n[batch]\nage = '5 parsecs'\nbytes = 'much'\nrows = 0\n[kfaka]\ntopics = []\n[flush]\nage = '1s'\n[memory]\nlimit = '1MiB'";
    let (config, _) = load(file, &[], &[("http.address", "here")]);
    let faults = config.unwrap_err();
    for expected in [
        "s.toml:2: mysql.prot: there is no such setting; did you mean mysql.port?",
        "s.toml:3: mysql.port: invalid type: string",
        "s.toml:4: mysql.tls_mode: must be one of disabled, preferred",
        "s.toml:6: batch.age: is no duration",
        "s.toml:7: batch.bytes: is no size",
        "s.toml:8: batch.rows: must be a whole number from 1",
        "s.toml:10: kfaka.topics: there is no such setting; did you mean kafka.topics?",
        "s.toml:12: flush.age: there is no such setting; did you mean batch.age?",
        "s.toml:14: memory.limit: leaves no room",
        "flag --set: http.address: give ADDRESS:PORT",
    ] {
        assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{expected}\n{faults:#?}");
    }
    assert_eq!(faults.len(), 10, "{faults:#?}");
}

#[test]
fn a_secret_of_the_wrong_type_is_not_quoted() {
    let (config, shown) = load("[mysql]\npassword = 987654321", &[], &[]);
    let faults = config.unwrap_err().join("\n");
    assert!(faults.contains("s.toml:2: mysql.password: must be a text in quotes"), "{faults}");
    assert!(!faults.contains("987") && !shown.contains("987"));
}

#[test]
fn an_empty_property_removes_ours() {
    let (config, _) = load("[kafka.properties]\n\"session.timeout.ms\" = \"\"", &[], &[]);
    assert!(!config.unwrap().kafka.properties.contains_key("session.timeout.ms"));
}

#[test]
fn auto_commit_is_refused() {
    let (config, _) = load("[kafka.properties]\n\"enable.auto.commit\" = true", &[], &[]);
    assert!(config.unwrap_err()[0].contains("committed after the flush"));
}

#[test]
fn the_readme_lists_every_setting_with_its_default() {
    let readme = include_str!("../../README.md");
    let (_, shown) = load("", &[], &[]);
    let mut section = "";
    let mut settings = 0;
    for line in shown.lines() {
        let line = line.split(" #").next().unwrap().trim();
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, value)) = line.split_once(" = ") {
            let value = value.trim_matches('"');
            let shown =
                if ["", "[]"].contains(&value) { String::new() } else { format!("`{value}`") };
            let row = format!("| `{section}.{key}` | {shown} |");
            assert!(readme.contains(&row), "README.md lacks the row {row}");
            settings += 1;
        }
    }
    assert!(settings > 40);
}
