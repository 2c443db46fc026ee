use super::{faults_of, librdkafka, librdkafka_properties, load};
use crate::config::properties;

#[test]
fn properties_pass_through() {
    let (config, _) = load(
        "[kafka.properties]\n\"fetch.min.bytes\" = 5",
        &[("SLUICEGATE__KAFKA__PROPERTIES__SOCKET_KEEPALIVE_ENABLE", "true")],
        &[("kafka.properties.fetch.max.bytes", "77")],
    );
    let properties = config.unwrap().kafka.properties();
    for (name, value) in
        [("fetch.min.bytes", "5"), ("socket.keepalive.enable", "true"), ("fetch.max.bytes", "77")]
    {
        assert_eq!(properties[name], value, "{name}");
    }
}

#[test]
fn an_empty_property_removes_ours() {
    let (config, _) = load("[kafka.properties]\n\"session.timeout.ms\" = \"\"", &[], &[]);
    assert!(!config.unwrap().kafka.properties().contains_key("session.timeout.ms"));
}

#[test]
fn auto_commit_is_refused() {
    let (config, _) = load("[kafka.properties]\n\"enable.auto.commit\" = true", &[], &[]);
    assert!(config.unwrap_err()[0].contains("committed after the flush"));
}

#[test]
fn any_memory_limit_gives_properties_that_librdkafka_takes() {
    for limit in ["64MiB", "256MiB", "31GiB", "32GiB", "1TiB"] {
        let (config, _) = load("[flush]\nwriters = 1", &[], &[("memory.limit", limit)]);
        let consumer = crate::consume::Consumer::new(&config.unwrap().kafka.properties(), |_| {});
        consumer.unwrap_or_else(|error| panic!("{limit}: {error}")).close();
    }
}

#[test]
fn what_must_be_said_cannot_be_taken_away() {
    for key in ["bootstrap.servers", "metadata.broker.list", "group.id", "statistics.interval.ms"] {
        let faults = faults_of(&format!("kafka.properties.{key}"), "");
        assert_eq!(
            faults,
            [format!("flag --set: kafka.properties.{key}: cannot be removed; delete this line")]
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
fn a_group_has_room_in_the_tables() {
    let long = "ü".repeat(256);
    assert_eq!(faults_of("kafka.group_id", &long[2..]), [""; 0]);
    for key in ["kafka.group_id", "kafka.properties.group.id"] {
        let faults = faults_of(key, &long);
        assert_eq!(faults, [format!("flag --set: {key}: is too long; use at most 255 characters")]);
    }
}

#[test]
fn other_names_and_words_of_librdkafka_count_like_ours() {
    let properties = |key: &str, value: &str| {
        load("", &[], &[(&format!("kafka.properties.{key}"), value)]).0.unwrap().kafka.properties()
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
    assert_eq!(config.unwrap().kafka.properties()["auto.offset.reset"], "latest");
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
        ("", "user,user", "lists user twice"),
        ("", "^user.*", "is a pattern"),
        ("", "us er", "is not a topic name"),
        ("", "..", "is not a topic name"),
        ("", "ü", "is not a topic name"),
        ("prod.", "prod.user", "write \"user\""),
        ("^prod.", "user", "kafka.topic_prefix: may contain"),
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
    let properties = config.unwrap().kafka.properties();
    assert_eq!(
        (&*properties["ssl.key.password"], &*properties["fetch.min.bytes"]),
        ("hunter2", "7")
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// Of a property that sluicegate sets, looks at or refuses, it knows every name.
#[test]
fn every_alias_of_librdkafka_is_known() {
    let source = librdkafka("src/rdkafka_conf.c");
    let config = load("", &[], &[]).0.unwrap();
    let properties = config.kafka.properties();
    let ours: Vec<&str> = properties.keys().map(String::as_str).collect();
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
                assert!(properties::ALIASES.contains(&(another, one)), "{another} → {one}");
            }
        }
    }
    assert!(found >= 10, "{found}");
}

/// `check` would blame the brokers, and a run would wait for the topic for ever.
#[test]
fn a_property_that_hides_topics_is_refused() {
    let faults = faults_of("kafka.properties.topic.blacklist", "^user$");
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert!(faults[0].contains("kafka.properties.topic.blacklist: it hides topics"), "{faults:?}");
}

#[test]
fn refused_properties_are_documented() {
    let docs = include_str!("../../../docs/tuning.md");
    let (_, section) = docs.split_once("## Properties of librdkafka").unwrap();
    for (name, _) in properties::REFUSED {
        assert!(section.contains(&format!("`{name}`")), "{name} is not in docs/tuning.md");
    }
}
