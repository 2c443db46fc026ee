//! Accounts that may do exactly what `deploy/mysql/grants.sql` and `deploy/kafka/acls.sh` give them.

use crate::{read, repository};
use loadgen::{Generator, Message, Plan, TOPICS};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use sqlx::mysql::{MySqlConnection, MySqlDatabaseError};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor, Row as _};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use testkit::world::said;
use testkit::{OwnServer, Server, World, servers, unique};

testkit::on_both_servers!(grants_suffice_and_none_is_too_many, a_view_needs_its_own);

const MIGRATE: [&str; 4] = ["CREATE", "SELECT", "INSERT", "DELETE"];
/// What only the migrations of later releases need.
const MIGRATE_LATER: [&str; 3] = ["ALTER", "INDEX", "UPDATE"];
const RUN: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];
/// What changes tables.
const CHANGES: [&str; 4] = [
    "CREATE TABLE x (a INT)",
    "ALTER TABLE users ADD x INT",
    "DROP TABLE users",
    "TRUNCATE TABLE users",
];
/// `ER_TABLEACCESS_DENIED_ERROR`
const DENIED: u16 = 1142;

fn events() -> Vec<Message> {
    Generator::new(Plan { events: 3_000, poison: 0.02, ..Plan::default() }).collect()
}

/// An account of `grants.sql`, under a name of the test's own.
struct Account {
    name: String,
    password: &'static str,
}

impl Account {
    fn execute(&self, world: &World, arguments: &[&str]) -> Output {
        let mut command = world.command();
        command.env("MYSQL_USER", &self.name).env("MYSQL_PASSWORD", self.password);
        command.args(arguments).output().unwrap()
    }

    #[track_caller]
    fn succeed(&self, world: &World, arguments: &[&str]) -> String {
        let output = self.execute(world, arguments);
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {log}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A connection to the world's database.
    async fn connect(&self, world: &World) -> MySqlConnection {
        let options = world.options().username(&self.name).password(self.password);
        options.database(&world.database).connect().await.unwrap()
    }

    /// What it may do, all of it in the world's database alone.
    async fn privileges(&self, world: &World, admin: &mut MySqlConnection) -> BTreeSet<String> {
        let show = format!("SHOW GRANTS FOR '{}'@'%'", self.name);
        let rows = admin.fetch_all(AssertSqlSafe(show)).await.unwrap();
        let place = format!("`{}`.* TO ", world.database);
        let mut privileges = BTreeSet::new();
        for row in rows {
            let grant: String = row.get_unchecked(0);
            let (given, to) = grant.split_once(" ON ").unwrap();
            let given = given.strip_prefix("GRANT ").unwrap();
            // That it may log in, and nothing else.
            if given == "USAGE" {
                continue;
            }
            assert!(to.starts_with(&place) && !to.contains("GRANT OPTION"), "{grant}");
            privileges.extend(given.split(", ").map(str::to_owned));
        }
        privileges
    }
}

async fn grants_suffice_and_none_is_too_many(server: Server) {
    let Some(world) = World::new(server) else { return };
    world.create_topics(&TOPICS, 1).await;
    world.produce(events()).await;
    let mut admin = world.admin().await;
    let [migrate, run] = accounts(&world, &mut admin).await;
    let wanted = [(&migrate, [&MIGRATE[..], &MIGRATE_LATER].concat()), (&run, RUN.to_vec())];
    for (account, privileges) in wanted {
        let wanted: BTreeSet<String> = privileges.into_iter().map(str::to_owned).collect();
        assert_eq!(account.privileges(&world, &mut admin).await, wanted, "{}", account.name);
    }

    let alter = |verb: &str, privilege: &str, account: &Account| {
        let (database, name) = (&world.database, &account.name);
        let side = if verb == "GRANT" { "TO" } else { "FROM" };
        format!("{verb} {privilege} ON `{database}`.* {side} '{name}'@'%'")
    };
    for privilege in MIGRATE {
        admin.execute(AssertSqlSafe(alter("REVOKE", privilege, &migrate))).await.unwrap();
        let output = migrate.execute(&world, &["migrate"]);
        assert_eq!(output.status.code(), Some(1), "migrate works without {privilege}");
        admin.execute(AssertSqlSafe(alter("GRANT", privilege, &migrate))).await.unwrap();
        let drop = format!("DROP DATABASE IF EXISTS `{}`", world.database);
        admin.execute(AssertSqlSafe(drop)).await.unwrap();
    }
    migrate.succeed(&world, &["migrate"]);
    // The account that runs may not change tables.
    let mut connection = run.connect(&world).await;
    for statement in CHANGES {
        let error = connection.execute(statement).await.unwrap_err();
        let database = error.as_database_error().unwrap();
        let number = database.downcast_ref::<MySqlDatabaseError>().number();
        assert_eq!(number, DENIED, "{statement}: {error}");
    }

    run.succeed(&world, &["check"]);
    for privilege in RUN {
        admin.execute(AssertSqlSafe(alter("REVOKE", privilege, &run))).await.unwrap();
        let output = run.execute(&world, &["check"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "check is content without {privilege}: {said}");
        admin.execute(AssertSqlSafe(alter("GRANT", privilege, &run))).await.unwrap();
    }
    run.succeed(&world, &["run", "--no-migrate", "--until-end"]);
    assert!(!world.rows("orders").await.is_empty());
    run.succeed(&world, &["progress", "set", "--all", "--to-earliest"]);
    run.succeed(&world, &["dead-letters", "list"]);
    let letters = world.rows("dead_letters").await.len();
    assert!(letters > 0);
    run.succeed(&world, &["dead-letters", "replay"]);
    run.succeed(&world, &["dead-letters", "purge", "--until", "0s"]);
    for account in [migrate, run] {
        let drop = format!("DROP USER '{}'@'%'", account.name);
        admin.execute(AssertSqlSafe(drop)).await.unwrap();
    }
    world.end().await;
}

/// The accounts of `grants.sql` on a database of the test's own.
async fn accounts(world: &World, admin: &mut MySqlConnection) -> [Account; 2] {
    let migrate = Account { name: unique("migrate"), password: "change me" };
    let run = Account { name: unique("run"), password: "change me, too" };
    let script = read("deploy/mysql/grants.sql")
        .replace("`analytics`", &format!("`{}`", world.database))
        .replace("'sluicegate_migrate'", &format!("'{}'", migrate.name))
        .replace("'sluicegate'", &format!("'{}'", run.name));
    admin.execute(AssertSqlSafe(script)).await.unwrap();
    [migrate, run]
}

/// A view of living rows needs CREATE VIEW and SHOW VIEW, and DROP on itself when it grows.
async fn a_view_needs_its_own(server: Server) {
    let Some(mut world) = World::new(server) else { return };
    let directory = tempfile::tempdir().unwrap();
    let map = |columns: &str| {
        let text = format!(
            "topic = 'people'\nkey = 'person'\n[envelope]\ntype = 'op'\nid = 'id'\ntime = 'at'\nkey = 'person'\ndata = '$message'\n\
             [entity]\ntable = 'people'\ncreated_by = ['c', 'd']\n\
             deleted = {{ name = 'gone', on = 'd', living_view = 'living_people' }}\ncolumns = [{columns}]\n"
        );
        std::fs::write(directory.path().join("people.toml"), text).unwrap();
    };
    map("");
    world.set("mapping.built_in", false).set("mapping.directory", directory.path().display());
    world.create_topics(&["people"], 1).await;
    let mut admin = world.admin().await;
    let [migrate, run] = accounts(&world, &mut admin).await;
    let (database, name) = (world.database.clone(), migrate.name.clone());
    let refused = || {
        let output = migrate.execute(&world, &["migrate"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("VIEW `living_people`"), "names its statement: {said}");
    };
    refused();
    let grant = format!("GRANT CREATE VIEW, SHOW VIEW ON `{database}`.* TO '{name}'@'%'");
    admin.execute(AssertSqlSafe(grant)).await.unwrap();
    migrate.succeed(&world, &["migrate"]);
    // Another account sees the view's columns, which are right, and not its text.
    let check = run.succeed(&world, &["check"]);
    assert!(!check.contains("living_people"), "{check}");

    map("{ name = 'age', type = 'int', from = 'age' }");
    refused();
    let grant = format!("GRANT CREATE, DROP ON `{database}`.living_people TO '{name}'@'%'");
    admin.execute(AssertSqlSafe(grant)).await.unwrap();
    migrate.succeed(&world, &["migrate"]);
    assert_eq!(migrate.succeed(&world, &["migrate", "--dry-run"]), "");
    run.succeed(&world, &["run", "--no-migrate", "--until-end"]);
    run.succeed(&world, &["purge", "--deleted", "--older-than", "30days", "--yes"]);
    for account in [migrate, run] {
        let drop = format!("DROP USER '{}'@'%'", account.name);
        admin.execute(AssertSqlSafe(drop)).await.unwrap();
    }
    world.end().await;
}

/// A broker that asks for a password over TLS, and allows only what an ACL allows.
async fn guarded_broker(directory: &Path, certificates: &Path) -> OwnServer {
    let read = |name| std::fs::read_to_string(certificates.join(name)).unwrap();
    std::fs::create_dir_all(directory).unwrap();
    let keystore = directory.join("keystore.pem");
    std::fs::write(&keystore, read("server-key.pem") + &read("server-cert.pem")).unwrap();
    let plain = "org.apache.kafka.common.security.plain.PlainLoginModule required \
                 username=admin password=admin user_admin=admin;";
    let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    let properties = [
        ("listener.security.protocol.map", "PLAINTEXT:SASL_SSL,CONTROLLER:PLAINTEXT"),
        ("inter.broker.listener.name", "PLAINTEXT"),
        ("sasl.mechanism.inter.broker.protocol", "PLAIN"),
        ("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256"),
        ("listener.name.plaintext.plain.sasl.jaas.config", plain),
        ("listener.name.plaintext.scram-sha-256.sasl.jaas.config", scram),
        ("ssl.keystore.type", "PEM"),
        ("ssl.keystore.location", keystore.to_str().unwrap()),
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.location", &certificates.join("ca.pem").display().to_string()),
        ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
        ("super.users", "User:admin;User:ANONYMOUS"),
    ]
    .map(|(key, value)| format!("{key}={value}"));
    OwnServer::start("kafka", directory, |command| {
        for property in &properties {
            command.args(["--override", property]);
        }
    })
    .await
}

async fn loads_and_moves(world: &World) {
    world.succeed(&["check"]);
    world.load();
    assert!(!world.rows("orders").await.is_empty());
    world.succeed(&["progress", "set", "--all", "--to-earliest"]);
    world.succeed(&["progress", "list"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_acls_suffice_over_sasl_and_tls() {
    let Some(mut world) = World::new(Server::MySql) else { return };
    let run = std::env::var("SLUICEGATE_TEST_DIR").unwrap();
    let certificates = Path::new(&run).join("mysql");
    if !certificates.join("ca.pem").exists() {
        eprintln!("LEFT OUT: the run's MySQL was not started by it, so there are no certificates");
        return;
    }
    let directory = servers::directory("acls");
    let broker = guarded_broker(&directory, &certificates).await;
    world.kafka = broker.address();
    let ca = certificates.join("ca.pem").display().to_string();
    let client = [
        ("security.protocol", "sasl_ssl"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "admin"),
        ("sasl.password", "admin"),
        ("ssl.ca.location", ca.as_str()),
    ];
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &world.kafka);
    config.extend(client.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let names = TOPICS.map(|topic| format!("{}{topic}", world.prefix));
    let topics = names.each_ref().map(|name| NewTopic::new(name, 2, TopicReplication::Fixed(1)));
    for created in admin.create_topics(&topics, &AdminOptions::new()).await.unwrap() {
        created.unwrap();
    }
    let target = loadgen::kafka::Target {
        bootstrap_servers: world.kafka.clone(),
        topic_prefix: world.prefix.clone(),
        properties: client.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    };
    let produce = move || loadgen::kafka::produce(&target, events(), None, |_| {}).unwrap();
    tokio::task::spawn_blocking(produce).await.unwrap();

    let properties = directory.join("admin.properties");
    let login = "org.apache.kafka.common.security.plain.PlainLoginModule required username=admin password=admin;";
    let text = format!(
        "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config={login}\n\
         ssl.truststore.type=PEM\nssl.truststore.location={ca}\n"
    );
    std::fs::write(&properties, text).unwrap();
    let password = "SCRAM-SHA-256=[iterations=4096,password=gate]";
    let mut user = broker.command("tool");
    user.args(["kafka.admin.ConfigCommand", "--alter", "--add-config", password])
        .args(["--entity-type", "users", "--entity-name", "sluicegate", "--command-config"])
        .arg(&properties);
    servers::succeed(user).await;

    let group = unique("acl-group");
    world
        .set("kafka.group_id", &group)
        .set("kafka.security_protocol", "sasl_ssl")
        .set("kafka.sasl_mechanism", "SCRAM-SHA-256")
        .set("kafka.sasl_username", "sluicegate")
        .set("kafka.sasl_password", "gate")
        .set("kafka.tls_ca", &ca);
    world.succeed(&["migrate"]);
    let before = world.execute(&["check"]);
    assert_eq!(before.status.code(), Some(1), "check is content without any ACL");
    let said = said(&before);
    assert!(said.contains("READ and DESCRIBE on the topic"), "{said}");

    // The script calls Kafka's own command by its name.
    let bin = directory.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let command = broker.script("tool", "org.apache.kafka.tools.AclCommand");
    crate::write_script(&bin.join("kafka-acls.sh"), &command);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut acls = Command::new(repository("deploy/kafka/acls.sh"));
    acls.env("PATH", path)
        .env("BOOTSTRAP_SERVERS", &world.kafka)
        .env("COMMAND_CONFIG", &properties)
        .env("GROUP_ID", &group)
        .env("TOPIC_PREFIX", &world.prefix);
    servers::succeed(acls).await;

    loads_and_moves(&world).await;
    drop(broker);
    world.end().await;
}
