use super::JSON_SCHEMA;
use crate::mapping::convert::Convert;
use crate::mapping::types::ColumnType;
use crate::mapping::{BUILT_IN, Mapping};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn schema() -> Value {
    serde_json::from_str(JSON_SCHEMA).unwrap()
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the schema has against a mapping file.
fn faults(validator: &jsonschema::Validator, text: &str) -> Vec<String> {
    let file: Value = toml::from_str(text).unwrap();
    validator
        .iter_errors(&file)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// The TOML blocks of a page.
fn blocks(page: &str) -> Vec<String> {
    let text = read(&repository(page));
    let after = text.split("```toml\n").skip(1);
    after.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn it_takes_every_file_that_compiles() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let mut files: Vec<(String, String)> =
        BUILT_IN.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec();
    for entry in std::fs::read_dir(repository("tests/own-events/mappings")).unwrap() {
        let path = entry.unwrap().path();
        files.push((path.display().to_string(), read(&path)));
    }
    for page in ["docs/mapping.md", "docs/your-own-events.md"] {
        files.extend(blocks(page).into_iter().map(|text| (page.to_owned(), text)));
    }
    assert!(files.len() > 15);
    for (name, text) in files {
        assert_eq!(faults(&validator, &text), [""; 0], "{name}");
    }
}

/// A file with the marker where a part of the language stands.
const EVERYTHING: &str = r#"
topics = ["a", "b"]
key = { name = "k", from = "k"/*key*/ }
redact = ["pin"]
ignore = ["x"]
/*file*/
[envelope]
type = { join = ["a", "b"]/*source*/ }
id = "$content"
time = "t"
data = "$message"
/*envelope*/
[[entity]]
table = "things"
created_by = "made"
/*entity*/
columns = [{ name = "c", type = "int", from = "c"/*column*/ }]
deleted = { name = "gone", on = "unmade"/*deleted*/ }
[[entity.changing]]
name = "d"
type = "int"
from = "d"
/*changing*/
on = [{ event = "changed", from = "d"/*change*/ }]
[[entity.lines]]
table = "parts"
each = "parts"
number = "n"
/*lines*/
columns = []
[[log]]
table = "events"
events = ["*"]
/*log*/
columns = []
"#;

/// The file, with `extra` at one of its markers.
fn with(marker: &str, extra: &str) -> String {
    let mut text = EVERYTHING.to_owned();
    let marker = format!("/*{marker}*/");
    assert!(text.contains(&marker));
    text = text.replace(&marker, extra);
    while let Some((before, rest)) = text.clone().split_once("/*") {
        text = format!("{before}{}", rest.split_once("*/").unwrap().1);
    }
    text
}

/// The markers, whether they stand in an inline table, and the part of the schema that is about them.
const PARTS: [(&str, bool, &str); 11] = [
    ("file", false, ""),
    ("key", true, "/definitions/keyTable"),
    ("envelope", false, "/definitions/envelope"),
    ("source", true, "/definitions/sourceTable"),
    ("entity", false, "/definitions/entity"),
    ("column", true, "/definitions/valueColumn"),
    ("deleted", true, "/definitions/deleted"),
    ("changing", false, "/definitions/changing"),
    ("change", true, "/definitions/change"),
    ("lines", false, "/definitions/lines"),
    ("log", false, "/definitions/log"),
];

fn properties(schema: &Value, part: &str) -> BTreeSet<String> {
    let part = schema.pointer(part).unwrap_or_else(|| panic!("no {part}"));
    assert_eq!(part["additionalProperties"], false);
    part["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn it_has_the_keys_that_are_read_and_no_others() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert_eq!(faults(&validator, &with("file", "")), [""; 0]);
    let unknown = "qqqqqqqq";
    for (marker, is_inline, part) in PARTS {
        let separator = if is_inline { ", " } else { "" };
        let text = with(marker, &format!("{separator}{unknown} = 1"));
        assert_ne!(faults(&validator, &text), [""; 0], "{marker}");
        let found = Mapping::compile([("x.toml", text.as_str())]).unwrap_err();
        let fault = found.iter().find(|fault| fault.key == unknown).unwrap();
        let (_, known) = fault.problem.split_once("known keys are ").unwrap();
        let known: BTreeSet<String> = known.split(", ").map(str::to_owned).collect();
        assert_eq!(properties(&schema, part), known, "{marker}");
    }
    let parts = schema.to_string().matches("\"additionalProperties\":false").count();
    assert_eq!(parts, PARTS.len(), "every part of the schema is compared");
}

/// The words of an `enum` in the schema.
fn words(schema: &Value, pointer: &str) -> Vec<String> {
    let words = schema.pointer(pointer).and_then(Value::as_array).unwrap();
    words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[test]
fn it_has_the_types_and_conversions_that_are_read() {
    let schema = schema();
    let conversions = words(&schema, "/definitions/convert/enum");
    assert_eq!(conversions, Convert::ALL.map(Convert::as_str));
    let mut types = words(&schema, "/definitions/type/anyOf/0/enum");
    types.extend(words(&schema, "/definitions/type/anyOf/1/examples"));
    for ty in types {
        assert!(ty.parse::<ColumnType>().is_ok(), "{ty}");
    }
}

/// An editor marks what is wrong, not all that is around it.
#[test]
fn it_says_where_a_fault_is() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (marker, extra, place) in [
        ("column", ", title = 1", "/entity/0/columns/0"),
        ("entity", "created = 1", "/entity/0"),
        ("source", ", form = 1", "/envelope/type"),
        ("key", ", kind = 1", "/key"),
        ("file", "topik = 1", ""),
    ] {
        let found = faults(&validator, &with(marker, extra));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].starts_with(&format!("{place}: ")), "{found:#?}");
    }
}

#[test]
fn it_refuses_what_the_compiler_refuses_for_its_shape() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (marker, extra) in [
        ("file", "topic = \"c\""),
        ("source", ", value = \"x\""),
        ("source", ", convert = \"Text\""),
        ("column", ", required = \"yes\""),
        ("column", ", null = \"-\""),
        ("key", ", type = \"json\""),
        ("change", ", value = 1"),
        ("envelope", "each = 1"),
        ("column", ", convert = [1]"),
        ("deleted", ", living_view = 1"),
    ] {
        let text = with(marker, extra);
        assert!(Mapping::compile([("x.toml", text.as_str())]).is_err(), "{extra}");
        assert_ne!(faults(&validator, &text), [""; 0], "{extra}");
    }
    let (needed, file) = ("table = \"events\"\n", with("file", ""));
    assert!(file.contains(needed));
    assert_ne!(faults(&validator, &file.replace(needed, "")), [""; 0]);
}

/// The reference names all that the schema has.
#[test]
fn the_reference_is_complete() {
    let schema = schema();
    let page = read(&repository("docs/mapping.md"));
    let mut names: BTreeSet<String> =
        words(&schema, "/definitions/convert/enum").into_iter().collect();
    let types = words(&schema, "/definitions/type/anyOf/0/enum");
    names.extend(types.iter().filter(|ty| !ty.contains(' ')).cloned());
    for (_, _, part) in PARTS {
        names.extend(properties(&schema, part));
    }
    let stands = |name: &String| {
        let mut places = page.match_indices(name.as_str()).map(|(at, _)| &page[at - 1..]);
        // In code: in a line of it, or as a word between backticks, brackets and blanks.
        places.any(|rest| {
            let after = rest.as_bytes()[1 + name.len()];
            rest.starts_with(['`', '\n', ' ', '.', '[', '{', '$']) && b"` =](".contains(&after)
        })
    };
    let missing: Vec<&String> = names.iter().filter(|name| !stands(name)).collect();
    assert!(missing.is_empty(), "docs/mapping.md does not name {missing:?}");
}
