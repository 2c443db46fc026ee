use super::{faults_of, load};
use crate::config::{layers, ranges};
use toml::Value;

#[test]
fn the_readme_lists_every_setting_with_its_default_and_range() {
    let readme = include_str!("../../../README.md");
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
    let (config, _) = load("[flush]\nwriters = 16\n[memory]\nlimit = '64MiB'", &[], &[]);
    let faults = config.unwrap_err();
    assert!(
        faults[0].starts_with("s.toml:4: memory.limit: has no room for 18 batches"),
        "{faults:?}"
    );
}

#[test]
fn pauses_grow() {
    let (config, _) = load("[flush]\nretry_first = '11s'", &[], &[]);
    assert_eq!(
        config.unwrap_err(),
        ["s.toml:2: flush.retry_first: must not exceed flush.retry_longest"]
    );
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
