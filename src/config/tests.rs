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
fn every_fault_at_once_and_what_to_do() {
    let file = "[mysql]\nprot = 1\nport = 'x'\ntls_mode = 'on'\n[batch]\nage = '5 parsecs'\nbytes = 'much'\nrows = 0\n[kfaka]\ntopics = []\n[flush]\nage = '1s'\n[memory]\nlimit = '1MiB'";
    let (config, _) = load(file, &[], &[("http.address", "here")]);
    let faults = config.unwrap_err();
    for expected in [
        "s.toml:2: mysql.prot: there is no such setting; did you mean mysql.port?",
        "s.toml:3: mysql.port: invalid type: string",
        "s.toml:4: mysql.tls_mode: must be one of disabled, preferred",
        "s.toml:6: batch.age: is not a duration",
        "s.toml:7: batch.bytes: is not a size",
        "s.toml:8: batch.rows: must be a whole number from 1",
        "s.toml:10: kfaka.topics: there is no such setting; did you mean kafka.topics?",
        "s.toml:12: flush.age: there is no such setting; did you mean batch.age?",
        "s.toml:14: memory.limit: must be 48MiB to 1TiB",
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
fn the_readme_lists_every_setting_with_its_default_and_range() {
    let readme = include_str!("../../README.md");
    let mut settings = 0;
    for (key, value) in layers::defaults() {
        let value = match value {
            Value::String(text) => text,
            Value::Array(values) if values.is_empty() => String::new(),
            other => other.to_string(),
        };
        let shown = if value.is_empty() { value } else { format!("`{value}`") };
        let row = format!("| `{key}` | {shown} |");
        let line = readme.lines().find(|line| line.starts_with(&row));
        let line = line.unwrap_or_else(|| panic!("README.md lacks the row {row}"));
        match ranges::range(&key) {
            Some(ranges::Range::Words(words)) => {
                assert!(words.iter().all(|word| line.contains(&format!("`{word}`"))), "{line}");
            }
            Some(range) => assert!(line.ends_with(&format!("; {range}. |")), "{line}: {range}"),
            None => {}
        }
        settings += 1;
    }
    assert!(settings > 40);
}

#[test]
fn every_number_size_and_duration_has_a_range() {
    for (key, value) in layers::defaults() {
        let text = value.as_str().unwrap_or_default();
        let is_measured = value.is_integer()
            || text.parse::<bytesize::ByteSize>().is_ok()
            || humantime::parse_duration(text).is_ok();
        assert!(!is_measured || ranges::range(&key).is_some(), "{key}");
    }
    for (key, _) in ranges::RANGES {
        assert!(layers::defaults().contains_key(key), "{key}");
    }
}

/// The faults that a setting's value gets, its neighbours left as they are.
fn faults_of(key: &str, value: &str) -> Vec<String> {
    load("", &[], &[(key, value)]).0.err().unwrap_or_default()
}

#[test]
fn every_range_is_held_at_both_ends() {
    for (key, range) in ranges::RANGES {
        // The least and the greatest, and one beyond each.
        let (inside, outside) = match range {
            ranges::Range::Whole(least, most) => (
                [least, most].map(|n| n.to_string()).to_vec(),
                [least - 1, most + 1, i64::MAX, i64::MIN].map(|n| n.to_string()).to_vec(),
            ),
            ranges::Range::Bytes(least, most) => (
                [least, most].map(|n| n.to_string()).to_vec(),
                least
                    .checked_sub(1)
                    .into_iter()
                    .chain([most + 1, u64::MAX])
                    .map(|n| n.to_string())
                    .collect(),
            ),
            ranges::Range::Millis(least, most) => (
                [least, most].map(|n| format!("{n}ms")).to_vec(),
                [
                    "0s".to_owned(),
                    format!("{}us", least * 1000 - 1),
                    format!("{}ms", most + 1),
                    "9999years".to_owned(),
                ]
                .to_vec(),
            ),
            ranges::Range::Words(words) => {
                let words = words.iter().map(|word| word.replace("ADDRESS:PORT", "[::1]:1"));
                (words.collect(), ["".to_owned(), "nothing".to_owned(), "OFF".to_owned()].to_vec())
            }
        };
        for value in inside {
            // A least value may ask for more of another setting, and says so under that one's name.
            let about_it = |fault: &String| fault.contains(&format!("{key}: must be"));
            assert!(!faults_of(key, &value).iter().any(about_it), "{key} = {value}");
        }
        for value in outside {
            let is_off = key == "http.address" && value.is_empty();
            let faults = faults_of(key, &value);
            let named =
                faults.iter().filter(|fault| fault.starts_with(&format!("flag --set: {key}: ")));
            assert_eq!(named.count() > 0, !is_off, "{key} = {value:?}: {faults:#?}");
        }
    }
}

#[test]
fn batches_need_room() {
    let (config, _) = load("[flush]\nwriters = 9\n[memory]\nlimit = '48MiB'", &[], &[]);
    let faults = config.unwrap_err();
    assert!(
        faults[0].starts_with("s.toml:4: memory.limit: leaves no room for 11 batches"),
        "{faults:?}"
    );
}

#[test]
fn pauses_grow() {
    let (config, _) = load("[flush]\nretry_first = '11s'", &[], &[]);
    assert_eq!(
        config.unwrap_err(),
        ["s.toml:2: flush.retry_first: must not be above flush.retry_longest"]
    );
}

#[test]
fn any_memory_limit_gives_properties_that_librdkafka_takes() {
    for limit in ["48MiB", "256MiB", "31GiB", "32GiB", "1TiB"] {
        let (config, _) = load("[flush]\nwriters = 1", &[], &[("memory.limit", limit)]);
        let consumer = crate::consume::Consumer::new(&config.unwrap().kafka.properties, |_, _| {});
        consumer.unwrap_or_else(|error| panic!("{limit}: {error}")).close();
    }
}

#[test]
fn what_must_be_said_cannot_be_taken_away() {
    for key in ["bootstrap.servers", "metadata.broker.list", "group.id", "statistics.interval.ms"] {
        let faults = faults_of(&format!("kafka.properties.{key}"), "");
        assert_eq!(
            faults,
            [format!("flag --set: kafka.properties.{key}: cannot be removed; leave this line out")]
        );
    }
    for key in
        ["kafka.bootstrap_servers", "kafka.group_id", "mysql.user", "mysql.database", "mysql.host"]
    {
        for value in ["", "  "] {
            let faults = faults_of(key, value);
            assert_eq!(faults.len(), 1, "{key} = {value:?}: {faults:#?}");
            assert!(faults[0].starts_with(&format!("flag --set: {key}: ")), "{faults:?}");
        }
    }
}

#[test]
fn other_names_and_words_of_librdkafka_count_like_ours() {
    let properties = |key: &str, value: &str| {
        load("", &[], &[(&format!("kafka.properties.{key}"), value)]).0.unwrap().kafka.properties
    };
    assert_eq!(properties("metadata.broker.list", "a:1")["bootstrap.servers"], "a:1");
    assert!(!properties("metadata.broker.list", "a:1").contains_key("metadata.broker.list"));
    for (word, expected) in [
        ("end", "latest"),
        ("largest", "latest"),
        ("LATEST", "latest"),
        ("beginning", "earliest"),
        ("smallest", "earliest"),
        ("error", "error"),
        // librdkafka's own default.
        ("", "latest"),
    ] {
        assert_eq!(properties("auto.offset.reset", word)["auto.offset.reset"], expected, "{word}");
    }
    let (config, _) = load("", &[("KAFKA_AUTO_OFFSET_RESET", "end")], &[]);
    assert_eq!(config.unwrap().kafka.properties["auto.offset.reset"], "latest");
}

#[test]
fn properties_that_would_break_a_promise_are_refused() {
    for (name, value, expected) in [
        ("enable.auto.commit", "true", "committed after the flush"),
        ("auto.commit.enable", "false", "committed after the flush"),
        ("enable.auto.offset.store", "true", "committed after the flush"),
        ("offset.store.method", "file", "committed after the flush"),
        ("statistics.interval.ms", "0", "must be 100 to 10000"),
        ("group.protocol", "consumer", "only classic"),
        ("auto.offset.reset", "never", "Invalid value"),
        ("max.poll.interval.ms", "0", "outside allowed range"),
        ("max.poll.intervall.ms", "1000", "no such property"),
        ("rebalance_cb", "x", "must be set through"),
        ("", "x", "no such property"),
    ] {
        let faults = faults_of(&format!("kafka.properties.{name}"), value);
        assert_eq!(faults.len(), 1, "{name}: {faults:#?}");
        let expected_start = format!("flag --set: kafka.properties.{name}: ");
        assert!(
            faults[0].starts_with(&expected_start) && faults[0].contains(expected),
            "{faults:?}"
        );
    }
}

#[test]
fn topics_are_names() {
    for (prefix, topics, expected) in [
        ("", "user,user", "names user twice"),
        ("", "^user.*", "would be a pattern"),
        ("", "us er", "is not a topic's name"),
        ("", "..", "is not a topic's name"),
        ("", "ü", "is not a topic's name"),
        ("prod.", "prod.user", "write \"user\""),
        ("^prod.", "user", "kafka.topic_prefix: may have"),
    ] {
        let flags = [("kafka.topic_prefix", prefix), ("kafka.topics", topics)];
        let faults = load("", &[], &flags).0.unwrap_err();
        assert!(faults.len() == 1 && faults[0].contains(expected), "{topics}: {faults:#?}");
    }
    let long = "x".repeat(250);
    assert!(faults_of("kafka.topics", &long)[0].contains("at most 249"));
    for (prefix, topics) in [("prod.", "user,order"), ("user_", "user_events"), ("", "")] {
        let flags = [("kafka.topic_prefix", prefix), ("kafka.topics", topics)];
        assert!(load("", &[], &flags).0.is_ok(), "{prefix} {topics}");
    }
}

#[test]
fn brokers_are_hosts_and_ports() {
    for good in ["kafka", "kafka:9092", "a:1, b:2,", "[::1]:9092", "SASL_SSL://kafka:9092", "[::1]"]
    {
        assert_eq!(faults_of("kafka.bootstrap_servers", good), [""; 0], "{good}");
    }
    for bad in [",", "kafka:x", "kafka:0", "kafka:70000", "ka fka:9092", ":9092"] {
        assert_eq!(faults_of("kafka.bootstrap_servers", bad).len(), 1, "{bad}");
    }
}

#[test]
fn a_property_without_quotes_is_the_same_property() {
    let file = "[kafka.properties]\nssl.key.password = 'hunter2'\nfetch.min.bytes = 7";
    let (config, shown) = load(file, &[], &[]);
    let properties = config.unwrap().kafka.properties;
    assert_eq!(
        (&*properties["ssl.key.password"], &*properties["fetch.min.bytes"]),
        ("hunter2", "7")
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// No way to give a secret, rightly or by a slip, shows it again.
#[test]
fn no_secret_is_shown() {
    for name in [
        "sasl.oauthbearer.assertion.private.key.pem",
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.client.credentials.client.secret",
        "sasl.oauthbearer.config",
        "sasl.password",
        "sasl.passwrod",
        "ssl.keypem",
        "ssl.key.pem",
        "made.up",
    ] {
        let flag = format!("kafka.properties.{name}");
        let (config, shown) = load("", &[], &[(&flag, "hunter2")]);
        let said = format!("{config:?}\n{shown}");
        assert!(!said.contains("hunter2") && shown.contains("***"), "{said}");
    }
    for file in [
        "[mysql]\npassword = hunter2",
        "[mysql]\npassword = ['hunter2']",
        "[mysql]\npassword = { a = 'hunter2' }",
        "[mysql]\npasword = 'hunter2'",
        "[mysql]\npassword = 'hunter2",
        "[mysql]\npassword = 'hunter2'\npassword = 'hunter2'",
        "[kafka.properties]\nsasl.password.x = 'hunter2'",
        "[kafka]\nproperties = 'sasl.password=hunter2'",
        "[kafka]\nsasl_username = 2\nsasl_password = 'hunter2'\nsasl_password_file = '/none'",
        "[kafka.properties]\n'ssl.key.pem' = ['hunter2']",
    ] {
        let (config, shown) = load(file, &[], &[]);
        let said = format!("{config:?}\n{shown}");
        assert!(!said.contains("hunter2"), "{file}\n{said}");
    }
}

/// A file of librdkafka's source; cargo knows where it lies, since it has built it.
fn librdkafka(file: &str) -> String {
    let output = |program: &str, arguments: &[&str]| {
        let mut command = std::process::Command::new(program);
        command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let about = output("rustc", &["-vV"]);
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    // What other platforms need was never downloaded.
    let metadata =
        ["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", host];
    let metadata: serde_json::Value =
        serde_json::from_str(&output(env!("CARGO"), &metadata)).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "rdkafka-sys").unwrap();
    let manifest = std::path::PathBuf::from(package["manifest_path"].as_str().unwrap());
    std::fs::read_to_string(manifest.with_file_name("librdkafka").join(file)).unwrap()
}

/// Entries of librdkafka's table of properties: the flags, the name, and the rest.
fn librdkafka_properties(source: &str) -> Vec<(&str, &str, &str)> {
    let (_, table) = source.split_once("rd_kafka_properties[] = {").unwrap();
    let (table, _) = table.split_once("/* End */").unwrap();
    let entries = table.split("_RK_GLOBAL").skip(1).flat_map(|part| {
        let mut parts = part.split("_RK_TOPIC");
        parts.next().into_iter().chain(parts).collect::<Vec<_>>()
    });
    entries
        .filter_map(|entry| {
            let (flags, rest) = entry.split_once('"')?;
            let (name, rest) = rest.split_once('"')?;
            Some((flags, name, rest))
        })
        .collect()
}

#[test]
fn what_librdkafka_calls_sensitive_is_secret() {
    let source = librdkafka("src/rdkafka_conf.c");
    let properties = librdkafka_properties(&source);
    let sensitive: Vec<&str> = properties
        .iter()
        .filter(|(flags, ..)| flags.contains("_RK_SENSITIVE"))
        .map(|(_, name, _)| *name)
        .collect();
    assert!(sensitive.len() >= 12, "{sensitive:?}");
    for name in sensitive {
        assert!(secret::is_secret(&format!("kafka.properties.{name}")), "{name}");
    }
    for name in ["bootstrap.servers", "fetch.max.bytes", "group.instance.id", "ssl.ca.location"] {
        assert!(!secret::is_secret(&format!("kafka.properties.{name}")), "{name}");
    }
}

/// Of a property that sluicegate sets, looks at or refuses, it knows every name.
#[test]
fn every_alias_of_librdkafka_is_known() {
    let source = librdkafka("src/rdkafka_conf.c");
    let config = load("", &[], &[]).0.unwrap();
    let ours: Vec<&str> = config.kafka.properties.keys().map(String::as_str).collect();
    let mut found = 0;
    for (_, name, rest) in librdkafka_properties(&source) {
        let Some((_, rest)) = rest.split_once("_RK_C_ALIAS") else { continue };
        let sdef = rest.split_once(".sdef = \"").unwrap().1;
        let target = sdef.split('"').next().unwrap();
        found += 1;
        for (one, another) in [(name, target), (target, name)] {
            let is_ours =
                ours.contains(&one) || one == "sasl.mechanism" || one == "enable.auto.commit";
            if is_ours && one != another {
                assert!(kafka::ALIASES.contains(&(another, one)), "{another} → {one}");
            }
        }
    }
    assert!(found >= 10, "{found}");
}

proptest::proptest! {
    /// Whatever is set to whatever: no panic, and each fault names a key and where it is set.
    #[test]
    fn any_key_with_any_value(
        settings in proptest::collection::vec((
            proptest::sample::select(odd_keys()),
            proptest::sample::select(&ODD_VALUES[..]),
        ), 1..4),
        in_file in proptest::prelude::any::<bool>(),
    ) {
        let mut file = toml::Table::new();
        let mut flags = Vec::new();
        for (key, value) in &settings {
            let (section, name) = key.rsplit_once('.').unwrap();
            if in_file && !section.contains('.') {
                let table = file.entry(section).or_insert_with(|| Value::Table(toml::Table::new()));
                table.as_table_mut().unwrap().insert(name.to_owned(), Value::String((*value).to_owned()));
            } else {
                flags.push((key.as_str(), *value));
            }
        }
        let (config, _) = load(&file.to_string(), &[], &flags);
        if let Err(faults) = config {
            for fault in faults {
                let parts: Vec<&str> = fault.splitn(3, ": ").collect();
                proptest::prop_assert_eq!(parts.len(), 3, "{}", fault);
            }
        }
    }
}

const ODD_VALUES: [&str; 24] = [
    "",
    " ",
    "0",
    "-1",
    "1",
    "99999999999999999999",
    "1e9",
    "0s",
    "1ns",
    "9999999y",
    "18446744073709551615s",
    "0B",
    "16EiB",
    "-5MiB",
    "NaN",
    "true",
    "^.*",
    "a,a",
    ",",
    "\u{0}",
    "é\u{202E}",
    "[::1]:0",
    "../../etc/passwd",
    "'\"`\\",
];

fn odd_keys() -> Vec<String> {
    let properties = [
        "bootstrap.servers",
        "group.id",
        "auto.offset.reset",
        "metadata.broker.list",
        "",
        ".",
        "x",
    ];
    let properties = properties.map(|name| format!("kafka.properties.{name}"));
    layers::defaults().into_keys().chain(properties).collect()
}
