use super::{librdkafka, librdkafka_properties, load};
use crate::config::secret;

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
    assert_eq!(config.kafka.properties()["sasl.password"], "hunter2");
    assert!(!shown.contains("hunter") && shown.contains("***"), "{shown}");
    assert!(
        !format!("{config:?}").contains("hunter") && !format!("{config:?}").contains("from file")
    );
}

#[test]
fn a_secret_of_the_wrong_type_is_not_quoted() {
    let (config, shown) = load("[mysql]\npassword = 987654321", &[], &[]);
    let faults = config.unwrap_err().join("\n");
    assert!(faults.contains("s.toml:2: mysql.password: must be a quoted string"), "{faults}");
    assert!(!faults.contains("987") && !shown.contains("987"));
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
