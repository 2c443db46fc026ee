//! Faulty configurations, on the command line of the real program.

use std::process::Command;
use testkit::world::{program, said};
use testkit::{Server, World};

/// `check` says what is wrong with any setting, and never panics over it.
#[tokio::test]
async fn check_survives_any_configuration() {
    let Some(world) = World::new(Server::MySql) else { return };
    world.succeed(&["migrate"]);
    let faulty = [
        ("kafka.properties.bootstrap.servers", ""),
        ("kafka.properties.metadata.broker.list", ""),
        ("kafka.properties.group.id", ""),
        ("kafka.properties.", "x"),
        ("kafka.properties.rebalance_cb", "0"),
        ("kafka.bootstrap_servers", ","),
        ("kafka.group_id", ""),
        ("kafka.topics", "user,user"),
        ("kafka.topics", "^.*"),
        ("kafka.topic_prefix", "a b"),
        ("kafka.auto_offset_reset", "never"),
        ("kafka.revoke_timeout", "0s"),
        ("mysql.port", "0"),
        ("mysql.host", " "),
        ("mysql.database", ""),
        ("mysql.connect_timeout", "0s"),
        ("batch.age", "100y"),
        ("batch.rows", "-1"),
        ("flush.writers", "65"),
        ("flush.statement_timeout", "0s"),
        ("flush.retry_first", "5m"),
        ("flush.retry_longest", "0ms"),
        ("memory.limit", "16EiB"),
        ("dead_letters.payload_bytes", "1GiB"),
        ("http.address", "127.0.0.1:0"),
        ("http.hosts", "http://a"),
        ("log.filter", "=,="),
        ("stop.timeout", "-1s"),
    ];
    for (key, value) in faulty {
        let output = world.execute(&["check", "--set", &format!("{key}={value}")]);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(2), "{key}={value:?}: {text}");
        assert!(text.contains(&format!("flag --set: {key}: ")), "{key}={value:?}: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
    // What only the servers can tell.
    for (key, value) in [
        ("mysql.database", "a`b'c\"d"),
        ("mysql.user", "nobody\u{202E}"),
        ("mysql.socket", "/none"),
        ("kafka.topics", "none-such"),
        ("kafka.tls_ca", "/none"),
        ("kafka.sasl_mechanism", "NONE"),
        ("kafka.properties.sasl.mechanisms", "NONE"),
        ("mapping.directory", "/none"),
    ] {
        let output = world.execute(&["check", "--set", &format!("{key}={value}")]);
        let text = said(&output);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{key}={value:?}: {text}");
        assert!(text.contains("PROBLEM") && !text.contains("panicked"), "{key}={value:?}: {text}");
    }
    world.end().await;
}

/// Neither `config` nor an error shows a secret, however it was given.
#[test]
fn no_secret_is_printed() {
    const SECRET: &str = "hunter2hunter2";
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = Command::new(program());
        command.current_dir(std::env::temp_dir()).args(arguments).envs(variables.iter().copied());
        let text = said(&command.output().unwrap());
        assert!(!text.contains(SECRET) && !text.contains("panicked"), "{arguments:?}: {text}");
        text
    };
    for key in [
        "sasl.oauthbearer.assertion.private.key.pem",
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "ssl.key.pem",
        "sasl.password",
        "sasl.passwrod",
    ] {
        let flag = format!("--set=kafka.properties.{key}={SECRET}");
        assert!(run(&["config", &flag], &[]).contains("\"***\""), "{key}");
        run(&["check", &flag, "--set=kafka.topics=^"], &[]);
    }
    let variable = "SLUICEGATE__KAFKA__PROPERTIES__SSL_KEY_PEM";
    assert!(run(&["config"], &[(variable, SECRET)]).contains("\"***\""));
    // Where only a host belongs.
    for key in ["mysql.host", "kafka.bootstrap_servers", "kafka.properties.bootstrap.servers"] {
        for value in [format!("mysql://me:{SECRET}@db/x"), format!("me:{SECRET}@db:9092")] {
            let flag = format!("--set={key}={value}");
            assert!(run(&["config", &flag], &[]).contains("\"***\""), "{flag}");
            assert!(run(&["check", &flag], &[]).contains(key), "{flag}");
        }
    }
    run(&["config", &format!("--set=mysql.password:{SECRET}")], &[]);
    run(&["config", &format!("--set=mysql.pasword={SECRET}")], &[]);
    run(&["config", &format!("--set=mysql.password={SECRET}"), "--set", "batch.rows"], &[]);
}
