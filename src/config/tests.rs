mod kafka;
mod ranges;
mod secret;

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
    assert_eq!(config.kafka.properties()["group.id"], "mysql-analytics-service");
    assert_eq!(config.batch.bytes, 9 * 1024 * 1024);
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
fn what_is_shown_is_good_as_a_file() {
    let file = "[kafka]\ntopics = ['user']\n[kafka.properties]\nfetch.min.bytes = 7\nssl.key.password = 'x'";
    let (_, shown) = load(file, &[], &[("batch.age", "7ms")]);
    let (config, again) = load(&shown, &[], &[]);
    let config = config.unwrap();
    assert_eq!(config.kafka.properties()["fetch.min.bytes"], "7");
    assert_eq!((config.kafka.topics, config.batch.age.as_millis()), (vec!["user".to_owned()], 7));
    assert_eq!(again.matches("[kafka]").count(), 1);
}

#[test]
fn numbers_in_the_environment_stay_text_where_text_is_wanted() {
    let (config, _) =
        load("", &[("SLUICEGATE__MYSQL__PASSWORD", "0123"), ("MYSQL_DATABASE", "7")], &[]);
    let server = config.unwrap().server;
    assert_eq!((server.password.as_deref(), server.database.as_str()), (Some("0123"), "7"));
}

#[test]
fn waits_for_locks_are_whole_seconds() {
    let load = |wait| load("", &[], &[("flush.lock_wait_timeout", wait)]).0;
    for (wait, seconds) in [("1s", 1), ("90s", 90), ("1h", 3600)] {
        assert_eq!(load(wait).unwrap().server.lock_wait_timeout.as_secs(), seconds);
    }
    for wait in ["0s", "500ms", "1500ms", "2h", "soon"] {
        assert!(load(wait).is_err(), "{wait}");
    }
}

#[test]
fn every_fault_at_once_and_what_to_do() {
    let file = "[mysql]\nprot = 1\nport = 'x'\ntls_mode = 'on'\n[batch]\nage = '5 parsecs'\nbytes = 'much'\nrows = 0\n[kfaka]\ntopics = []\n[flush]\nage = '1s'\n[memory]\nlimit = '1MiB'";
    let (config, _) = load(file, &[], &[("http.address", "here")]);
    let faults = config.unwrap_err();
    for expected in [
        "s.toml:2: mysql.prot: unknown setting; did you mean mysql.port?",
        "s.toml:3: mysql.port: invalid type: string",
        "s.toml:4: mysql.tls_mode: must be one of disabled, preferred",
        "s.toml:6: batch.age: is not a duration",
        "s.toml:7: batch.bytes: is not a size",
        "s.toml:8: batch.rows: must be a whole number from 1",
        "s.toml:10: kfaka.topics: unknown setting; did you mean kafka.topics?",
        "s.toml:12: flush.age: unknown setting; did you mean batch.age?",
        "s.toml:14: memory.limit: must be 64MiB to 1TiB",
        "flag --set: http.address: give ADDRESS:PORT",
    ] {
        assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{expected}\n{faults:#?}");
    }
    assert_eq!(faults.len(), 10, "{faults:#?}");
}

/// The faults that a setting's value gets, its neighbours left as they are.
fn faults_of(key: &str, value: &str) -> Vec<String> {
    load("", &[], &[(key, value)]).0.err().unwrap_or_default()
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

#[test]
fn a_dead_letter_keeps_what_its_column_holds() {
    let kept = |payload: &str, limit: &str| {
        let file =
            format!("[dead_letters]\npayload_bytes = '{payload}'\n[memory]\nlimit = '{limit}'");
        load(&file, &[], &[]).0.map(|config| config.dead_letter_payload_bytes)
    };
    assert_eq!(kept("16777215B", "4GiB"), Ok(16_777_215));
    assert_eq!(kept("1MiB", "256MiB"), Ok(1 << 20));
    assert!(
        kept("1MiB", "64MiB").unwrap() < 1 << 19,
        "a writer has three statements of it, as hex"
    );
    let faults = kept("16777216B", "4GiB").unwrap_err();
    let expected = "s.toml:2: dead_letters.payload_bytes: must be 0 to 16777215";
    assert!(faults[0].starts_with(expected), "{faults:?}");
}

/// What is written in docs/architecture.md; and an event may be as large as a batch.
#[test]
fn memory_is_divided() {
    let shares = |limit: &str| {
        let file = format!("[memory]\nlimit = '{limit}'\n[batch]\nbytes = '1GiB'");
        let config = load(&file, &[], &[]).0.unwrap();
        assert_eq!(config.message_limits.rows, config.batch.bytes);
        (config.batch.bytes >> 10, config.message_limits.decode >> 20)
    };
    assert_eq!(shares("256MiB"), (10_532, 16));
    assert_eq!(shares("128MiB"), (4_096, 8));
    assert_eq!(shares("64MiB"), (877, 4));
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
