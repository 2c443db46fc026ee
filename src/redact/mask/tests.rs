use super::*;
use crate::redact::SECRET_KEYS;
use crate::redact::secrets::CONTRACT_KEYS;
use proptest::prelude::*;
use serde::de::IgnoredAny;

/// Must never be left.
const VALUE: &str = "S3CR3T";

fn masked(text: &str) -> String {
    String::from_utf8_lossy(&mask(text.as_bytes(), &Secrets::with(CONTRACT_KEYS.into_iter())))
        .into_owned()
}

fn check(text: &str, expected: &str) {
    assert_eq!(masked(text), expected);
}

#[test]
fn what_is_understood_stays_up_to_the_fault() {
    check(
        r#"{"event_id": "e1", "a": Infinity, "b": 2}"#,
        r#"{"event_id": "e1", "a":******************"#,
    );
    check(r#"{"a": 1, "b": [1, 2"#, r#"{"a": 1, "b": [1,**"#);
    check(r#"{"a": 1}{"b": 2}"#, r#"{"a": 1}********"#);
    check("{\"a\": \"b\", \"c\": \"\u{1}\"}", "{\"a\": \"b\", \"c\":*****");
    check(r#"{"a": "x"y", "b": 1}"#, r#"{"a":***************"#);
    check("not JSON", "********");
    check("", "");
}

#[test]
fn values_of_secrets_go_alone() {
    check(r#"{"password": "hunter2", "a": 1,}"#, r#"{"password": *********, "a": 1,*"#);
    check(r#"{"PASSWORD" :"a\"b","x":1"#, r#"{"PASSWORD" :******,"x":*"#);
    check(r#"{"token": 12.5, "a": 1,}"#, r#"{"token": ****, "a": 1,*"#);
    check(r#"{"tok\u0065n": null, "d":"#, r#"{"tok\u0065n": ****, "d":"#);
    // When in doubt, it is a secret.
    check(r#"{"tax_id_country": "DE", "b": 1,}"#, r#"{"tax_id_country": ****, "b": 1,*"#);
}

#[test]
fn secrets_with_brackets_take_the_rest() {
    check(
        r#"{"a": 1, "security": {"b": 1}, "c": 2}}"#,
        r#"{"a": 1, "security":*******************"#,
    );
    check(r#"{"audit": [], "c": 2,}"#, r#"{"audit":*************"#);
}

/// The examples in the module's head and in the documentation.
#[test]
fn the_examples() {
    let (module, docs) =
        (include_str!("../mask.rs"), include_str!("../../../docs/dead-letters.md"));
    let examples = |text: &'static str| text.lines().filter_map(|line| line.split_once("   →   "));
    assert_eq!((examples(module).count(), examples(docs).count()), (4, 4));
    for (text, expected) in examples(module).chain(examples(docs)) {
        check(text.trim_start_matches("//! ").trim_end(), expected);
    }
}

#[test]
fn valid_documents_are_read_to_the_end() {
    check(r#"{"a": [{}, [], 1.5e3, true, "x"]} "#, r#"{"a": [{}, [], 1.5e3, true, "x"]} "#);
    check(r#""a text""#, r#""a text""#);
    check(r#""the token is S3CR3T""#, "*********************");
    check("12", "12");
}

/// Each is a way to write a name, its value, or what comes between them.
#[test]
fn no_way_to_write_a_secret_survives() {
    let aligned = format!("{{\n  \"password\"{}: \"S3CR3T\",\n}}", " ".repeat(64));
    let full_width = "{\"ｐａｓｓｗｏｒｄ\": \"S3CR3T\",}";
    for text in [
        aligned.as_str(),
        full_width,
        r#"{"password" /* why */ : "S3CR3T"}"#,
        "{\"password\" // why\n: \"S3CR3T\"}",
        "{\"to\u{212A}en\": \"S3CR3T\",}",
        "{\"pa\u{17F}\u{17F}word\": \"S3CR3T\",}",
        "{\"pass\u{200B}word\": \"S3CR3T\",}",
        r#"{"\u0070assword": "S3CR3T",}"#,
        r#"{"accessToken": "S3CR3T", "API-Key": "S3CR3T", "Date of Birth": "S3CR3T",}"#,
        r#"{"name": "password", "value": "S3CR3T",}"#,
        r#"{"text": "token=S3CR3T",}"#,
        r#"{"text": "{\"token\": \"S3CR3T\"}",}"#,
        r#"{"password": "a","S3CR3T", "b": 1}"#,
        r#"{"password": "hun"S3CR3T", "a": 1}"#,
        r#"{"payment": {"a":1], "card":"S3CR3T"}}"#,
        r#"{"payment": {"a":1}, "card":"S3CR3T"}}"#,
        r#"{"security": {"note":"x"}", "pin":"S3CR3T"}"#,
        r#"{"secret": "cut S3CR3T of"#,
        r#"{"secret": S3CR3T"#,
        r#"{"token" "S3CR3T"}"#,
        r#"{"token";"S3CR3T"}"#,
        r#"{"token": 'S3CR3T'}"#,
        "{'token': 'S3CR3T'}",
        "{token: S3CR3T}",
        "{\"password\"\u{a0}: \"S3CR3T\"",
        "password%3DS3CR3T%26user%3Dx",
        "%70assword=S3CR3T",
        "<password>S3CR3T</password>",
        "<user password=\"S3CR3T\"/>",
        "&#112;assword=S3CR3T",
        "password: S3CR3T\nuser: x",
        "[account]\npassword = S3CR3T",
        "user;password\nx;S3CR3T",
        "password → S3CR3T",
        "S3CR3T is the password",
        "pwd S3CR3T",
    ] {
        assert!(!masked(text).contains(VALUE), "{text}\n{}", masked(text));
    }
}

#[test]
fn other_encodings_are_not_understood_at_all() {
    let text = r#"{"password": "S3CR3T"}"#;
    let wide = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let utf_32: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    let packed = b"\x1f\x8b\x08\x00S3CR3T".to_vec();
    let avro = b"\x00\x00\x00\x00\x07\x0cS3CR3T".to_vec();
    let base64 = b"eyJwYXNzd29yZCI6ICJTM0NSM1QifQ==".to_vec();
    for bytes in [wide(u16::to_be_bytes), utf_32, packed, avro, base64] {
        assert!(
            mask(&bytes, &Secrets::with(CONTRACT_KEYS.into_iter()))
                .iter()
                .all(|byte| *byte == b'*'),
            "{bytes:?}"
        );
    }
    // The first byte is a bracket that any JSON may begin with.
    let little = mask(&wide(u16::to_le_bytes), &Secrets::with(CONTRACT_KEYS.into_iter()));
    assert!(little[1..].iter().all(|byte| *byte == b'*'), "{little:?}");
    let latin = mask(b"{\"password\xe9\": \"S3CR3T\"}", &Secrets::with(CONTRACT_KEYS.into_iter()));
    assert!(latin[1..].iter().all(|byte| *byte == b'*'), "{latin:?}");
}

#[test]
fn keys_stay_if_they_are_ids() {
    let key = |text: &str| {
        String::from_utf8_lossy(&mask_key(
            text.as_bytes(),
            &Secrets::with(CONTRACT_KEYS.into_iter()),
        ))
        .into_owned()
    };
    for id in ["u1", "677ed49836ca092b1852e6bf", "eu-1:order/17", "a@b.c", "", r#"{"id": 7}"#] {
        assert_eq!(key(id), id);
    }
    for text in [
        "password=S3CR3T",
        "password:S3CR3T",
        "access-token:S3CR3T",
        "user S3CR3T",
        "<token>S3CR3T",
        r#"{"id": 7, "token": "S3CR3T"}"#,
        "\u{212A}S3CR3T",
    ] {
        assert!(!key(text).contains(VALUE), "{text}: {}", key(text));
    }
}

fn any_case(name: &str, upper: &[bool]) -> String {
    let letters = name.chars().zip(upper.iter().cycle());
    letters.map(|(c, upper)| if *upper { c.to_ascii_uppercase() } else { c }).collect()
}

proptest! {
    #[test]
    fn no_secret_survives(
        name in prop::sample::select(&SECRET_KEYS[..]),
        upper in prop::collection::vec(any::<bool>(), 1..8),
        joint in prop::sample::select(&["_", "", "-", " ", ".", "\u{200B}"][..]),
        around in prop::sample::select(&[("\"", "\""), ("'", "'"), ("", ""), ("<", ">"), ("my_", "2")][..]),
        between in "[ \t\n]{0,40}(:|=|;|=>|→|%3D|/\\*x\\*/:|>|\u{a0}:|,)?[ \t\n]{0,40}",
        quote in prop::sample::select(&["\"", "'", "", "`"][..]),
        before in "(\\{\"a\": (1|\"x\"|\\[\\]), )|\\{|\\[|[a-z ]{0,5}",
        after in "[,}\\]\"]{0,3}[a-z\":, ]{0,10}",
    ) {
        let name = any_case(&name.replace('_', joint), &upper);
        let text = format!("{before}{}{name}{}{between}{quote}{VALUE}{quote}{after}", around.0, around.1);
        prop_assert!(!masked(&text).contains(VALUE), "{}\n{}", text, masked(&text));
    }

    /// A lost, changed or extra byte shows no more of a secret.
    #[test]
    fn no_secret_survives_a_byte(
        name in prop::sample::select(&SECRET_KEYS[..]),
        value in prop::sample::select(&["\"S3CR3T\"", "{\"a\": [\"S3CR3T\"], \"b\": 1}", "[[\"x\"], \"S3CR3T\"]"][..]),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        way in 0..3_u8,
    ) {
        let mut bytes = format!("{{\"a\": \"b\", \"{name}\": {value}, \"c\": [1, 2],}}").into_bytes();
        let place = place.index(bytes.len());
        match way {
            0 => drop(bytes.remove(place)),
            1 => bytes[place] = byte,
            _ => bytes.insert(place, byte),
        }
        // A changed name is another name.
        prop_assume!(bytes.windows(name.len()).any(|window| window == name.as_bytes()));
        let masked = mask(&bytes, &Secrets::with(CONTRACT_KEYS.into_iter()));
        prop_assert!(!masked.windows(VALUE.len()).any(|window| window == VALUE.as_bytes()),
            "{}", String::from_utf8_lossy(&bytes));
    }

    /// The reader understands all of a text if it is JSON, and only then.
    #[test]
    fn understands_what_a_parser_does(
        text in "[\\[\\]{}:,\"\\\\ 1e.\\-tun/b]{0,12}|\\[(\"[a-z\\\\\"\u{0}-\u{1f}é]{0,4}\",?|-?[0-9.eE+]{1,4},?|null|true){0,3}\\]",
    ) {
        let secrets = Secrets::with(CONTRACT_KEYS.into_iter());
        let mut reader =
            Reader { bytes: text.as_bytes(), at: 0, secrets: &secrets, understood: 0, values: Vec::new() };
        reader.read();
        let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        let is_understood = reader.understood == text.len() && !text.is_empty();
        // A text such as `[` is understood, but not finished.
        prop_assert!(!is_json || is_understood || text.contains("\\u"), "{}", text);
        prop_assert!(!is_understood || is_json || text.ends_with(['[', '{', ',', ':']), "{}", text);
    }

    #[test]
    fn any_bytes_keep_their_length(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(mask(&bytes, &Secrets::with(CONTRACT_KEYS.into_iter())).len(), bytes.len());
        prop_assert_eq!(mask_key(&bytes, &Secrets::with(CONTRACT_KEYS.into_iter())).len(), bytes.len());
    }
}
