//! `sluicegate progress`: what this database holds of each partition, listed and changed in both places.

mod told;

use loadgen::{Kind, Message};
use serde_json::Value;
use sluicegate::consume::Reader;
use sqlx::{AssertSqlSafe, Executor, Row as _};
use std::collections::BTreeMap;
use std::process::Output;
use testkit::instance::{ASSIGNED, done};
use testkit::kafka::{Group, delete_messages};
use testkit::{Instance, Server, World, until};

testkit::on_both_servers!(
    both_places_are_listed,
    a_set_moves_both_places,
    only_what_kafka_has_can_be_set,
    skipping_to_kafka_is_confirmed,
    a_cloned_database_continues_for_another_group,
    a_running_instance_is_named,
    check_says_where_kafka_is_ahead
);

/// Messages of `user/0` in a test here.
const MESSAGES: i64 = 10;

/// A world whose topic `user` has [`MESSAGES`] messages in its one partition; `order` is empty, and the
/// others do not exist.
struct Place {
    world: World,
    group: Group,
    cluster_id: String,
    topic_id: String,
}

/// A row of the table.
struct Recorded<'r> {
    cluster: &'r str,
    group: &'r str,
    topic: &'r str,
    id: &'r str,
    writer: u16,
    next_offset: i64,
}

impl Place {
    async fn new(server: Server) -> Option<Self> {
        let world = World::new(server)?;
        world.create_topics(&["user"], 1).await;
        world.create_topics(&["order"], 2).await;
        world.succeed(&["migrate"]);
        world.produce((0..MESSAGES).map(login)).await;
        let properties =
            [("bootstrap.servers", world.kafka.clone()), ("group.id", world.group_id())];
        let properties: BTreeMap<String, String> =
            properties.map(|(name, value)| (name.to_owned(), value)).into();
        let topic = world.topic("user");
        let ask = move || {
            let reader = Reader::new(&properties).unwrap();
            let ids = reader.topic_ids(&[&topic]).unwrap();
            (reader.cluster_id().unwrap().to_string(), ids[&*topic].to_string())
        };
        let (cluster_id, topic_id) = tokio::task::spawn_blocking(ask).await.unwrap();
        let group = Group::new(&world);
        Some(Self { world, group, cluster_id, topic_id })
    }

    /// A row of the present topic `user`, of the world's own group.
    fn row(&self, writer: u16, next_offset: i64) -> Recorded<'_> {
        let (cluster, id) = (&self.cluster_id, &self.topic_id);
        Recorded { cluster, group: "", topic: "user", id, writer, next_offset }
    }

    async fn insert(&self, rows: &[Recorded<'_>]) {
        for Recorded { cluster, group, topic, id, writer, next_offset } in rows {
            let own = self.world.group_id();
            let group = if group.is_empty() { &own } else { *group };
            let topic = self.world.topic(topic);
            let insert = format!(
                "INSERT INTO sluicegate_progress VALUES ('{cluster}', '{group}', '{topic}', 0, '{id}', {writer}, {next_offset}, UTC_TIMESTAMP(6))"
            );
            self.world.execute_sql([insert.as_str()]).await;
        }
    }

    /// All rows of the world's group for `user`: topic id, writer, next offset.
    async fn rows(&self) -> Vec<(String, u16, i64)> {
        let select = format!(
            "SELECT topic_id, writer, next_offset FROM sluicegate_progress WHERE group_id = '{}' AND topic = '{}' AND recorded_at > UTC_TIMESTAMP(6) - INTERVAL 1 HOUR ORDER BY topic_id, writer",
            self.world.group_id(),
            self.world.topic("user")
        );
        let rows = self.world.connect().await.fetch_all(AssertSqlSafe(select)).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    }

    /// Both places say that `user/0` continues here, and nothing else is left of it.
    async fn continues_at(&self, context: &str, offset: i64) {
        assert_eq!(self.rows().await, [(self.topic_id.clone(), 0, offset)], "{context}");
        assert_eq!(self.group.committed("user"), offset, "{context}");
    }

    /// `progress list --json`, by partition and state.
    fn listed(&self, arguments: &[&str]) -> BTreeMap<(String, String), Value> {
        let arguments = [&["progress", "list", "--json"], arguments].concat();
        let lines = self.world.succeed(&arguments);
        let line = |line: &str| {
            let value: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| value[name].as_str().unwrap().to_owned();
            let topic = text("topic").strip_prefix(&self.world.prefix).unwrap().to_owned();
            ((format!("{topic}/{}", value["partition"]), text("state")), value)
        };
        lines.lines().map(line).collect()
    }
}

fn login(n: i64) -> Message {
    let value = format!(
        r#"{{"event_type":"user.login","event_id":"e{n}","timestamp":"2025-01-06T08:00:00Z","entity_id":"u1","data":{{"ip_address":"127.0.0.1"}}}}"#
    );
    Message { topic: "user".into(), key: None, value: Some(value.into_bytes()), kind: Kind::Valid }
}

#[track_caller]
fn refused(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

/// The figures of a line: held, committed, first, end, left, ahead.
fn figures(line: &Value) -> [Option<i64>; 6] {
    ["held", "committed", "first", "end", "left", "ahead"].map(|name| line[name].as_i64())
}

async fn both_places_are_listed(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    let key = |partition: &str, state: &str| (partition.to_owned(), state.to_owned());
    let before = place.listed(&[]);
    assert_eq!(before.len(), 3, "{before:?}");
    let untouched = [None, None, Some(0), Some(MESSAGES), None, None];
    assert_eq!(figures(&before[&key("user/0", "present")]), untouched);

    let elsewhere = Recorded { cluster: "elsewhere", ..place.row(0, 1) };
    place
        .insert(&[
            place.row(0, 3),
            place.row(1, 7),
            Recorded { id: "", ..place.row(0, 9) },
            Recorded { id: "an-earlier-topic", ..place.row(0, 500) },
            Recorded { topic: "post", ..place.row(0, 4) },
            Recorded { group: "another", ..place.row(0, 2) },
            elsewhere,
        ])
        .await;
    place.group.commit("user", 9);
    let listed = place.listed(&[]);
    assert_eq!(listed.len(), 5, "{listed:?}");
    let user = &listed[&key("user/0", "present")];
    assert_eq!(figures(user), [7, 9, 0, MESSAGES, 3, 2].map(Some));
    assert_eq!(user["topic_id"], *place.topic_id);
    assert!(user["recorded_at"].as_str().unwrap().starts_with("20"), "{user}");
    let earlier = &listed[&key("user/0", "recreated")];
    assert_eq!(figures(earlier), [Some(500), None, None, None, None, None]);
    assert_eq!(figures(&listed[&key("post/0", "deleted")])[0], Some(4));
    assert_eq!(figures(&listed[&key("order/1", "present")])[3], Some(0));

    let order = place.world.topic("order/1");
    let user = place.world.topic("user");
    assert_eq!(place.listed(&[&order, "--topic", &user]).len(), 3);
    let output = place.world.execute(&["progress", "list"]);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    for text in ["Kafka ahead", "id an-earlier-topic", "Kafka has no such topic", &order] {
        assert!(table.contains(text), "{text}\n{table}");
    }
    let others = String::from_utf8_lossy(&output.stderr).into_owned();
    let elsewhere = format!("group {} in Kafka cluster elsewhere", place.world.group_id());
    assert!(others.contains("group another") && others.contains(&elsewhere), "{others}");
    place.world.end().await;
}

async fn a_set_moves_both_places(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    let (world, user) = (&place.world, place.world.topic("user"));
    place.insert(&[place.row(0, 3), Recorded { id: "old", ..place.row(1, 99) }]).await;
    place.group.commit("user", 5);
    let before = place.rows().await;
    let set = |which: &[&str], to: &[&str]| {
        world.succeed(&[&["progress", "set", "--yes"], which, to].concat())
    };
    let said = set(&["--topic", &user], &["--to-offset", "8", "--dry-run"]);
    assert!(said.contains("5 would be skipped") && said.contains("nothing was changed"), "{said}");
    assert_eq!((place.rows().await, place.group.committed("user")), (before, 5));

    let said = set(&["--topic", &user], &["--to-offset", "8"]);
    assert!(said.contains("5 skipped") && said.contains("1 partition set"), "{said}");
    place.continues_at("--to-offset", 8).await;
    let said = set(&[&format!("{user}/0")], &["--to-earliest"]);
    assert!(said.contains("8 to be read again"), "{said}");
    place.continues_at("--to-earliest", 0).await;
    let said = set(&["--all"], &["--to-latest"]);
    assert!(said.contains("3 partitions set"), "{said}");
    place.continues_at("--to-latest", MESSAGES).await;

    // Kafka stamps a message when it is produced, in milliseconds.
    let stamped = jiff::Timestamp::now();
    let what = || "the next millisecond".to_owned();
    until(what, async || jiff::Timestamp::now().as_millisecond() > stamped.as_millisecond()).await;
    let between = jiff::Timestamp::now().to_string();
    world.produce((MESSAGES..MESSAGES + 4).map(login)).await;
    set(&["--all"], &["--to-time", "2025-01-06T00:00"]);
    place.continues_at("--to-time, long ago", 0).await;
    set(&["--all"], &["--to-time", &between]);
    place.continues_at("--to-time, between", MESSAGES).await;
    set(&["--all"], &["--to-time", "0s"]);
    place.continues_at("--to-time, now", MESSAGES + 4).await;

    set(&["--topic", &user], &["--to-offset", "6"]);
    assert_eq!(done(&world.load(), "messages"), 8, "a run continues there");
    assert_eq!(world.count("user_logins").await, 8);
    let listed = place.listed(&["--topic", &user]);
    let loaded = MESSAGES + 4;
    let all = [loaded, loaded, 0, loaded, 0, 0].map(Some);
    assert_eq!(listed.values().map(figures).collect::<Vec<_>>(), [all], "what it recorded");
    place.world.end().await;
}

async fn only_what_kafka_has_can_be_set(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    let (user, order) = (place.world.topic("user"), place.world.topic("order"));
    let set = |arguments: &[&str]| place.world.execute(&[&["progress", "set"], arguments].concat());
    let said = refused(&set(&["--all", "--to-offset", "11"]));
    assert!(said.contains(&format!("{user}/0: 11 is out of range; Kafka has 0 to 10")), "{said}");
    assert!(said.contains(&format!("{order}/1: 11 is out of range; Kafka has 0 to 0")), "{said}");
    let set = |arguments: &[&str]| {
        let output = set(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "wrong usage: {said}");
        said
    };
    let said = set(&[&format!("{order}/2"), "--to-earliest"]);
    assert!(said.contains("partitions 0 to 1"), "{said}");
    let said = set(&["--topic", "parcel", "--to-earliest"]);
    assert!(said.contains("parcel is not a configured topic"), "{said}");
    let said = set(&["--topic", &place.world.topic("post"), "--to-earliest"]);
    assert!(said.contains("Kafka has no topic"), "{said}");
    let said = set(&["--all", "--to-time", "2525-01-06"]);
    assert!(said.contains("is in the future; use --to-latest to skip everything"), "{said}");
    assert_eq!(place.rows().await, []);
    place.world.end().await;
}

async fn skipping_to_kafka_is_confirmed(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    place.insert(&[place.row(0, 3), place.row(1, 2)]).await;
    place.group.commit("user", 8);
    let before = place.rows().await;
    let said = refused(&place.world.execute(&["progress", "skip-to-kafka"]));
    assert!(said.contains("skip 5 messages in 1 partition, ") && said.contains("--yes"), "{said}");
    assert_eq!(place.rows().await, before);

    let skip = ["progress", "skip-to-kafka", "--yes"];
    let order = place.world.topic("order/0");
    let said = place.world.succeed(&[&skip[..], &[&order]].concat());
    assert!(said.contains("nothing to skip"), "only what was named: {said}");
    assert!(place.world.succeed(&skip).contains("5 skipped"));
    place.continues_at("with --yes", 8).await;
    assert!(place.world.succeed(&skip).contains("nothing to skip"));

    // A database that knows nothing of the group.
    place.world.execute_sql(["DELETE FROM sluicegate_progress"]).await;
    assert!(place.world.succeed(&skip).contains("8 skipped"));
    place.continues_at("without rows", 8).await;
    assert_eq!(done(&place.world.load(), "messages"), 2, "a run continues there");
    place.world.end().await;
}

async fn a_cloned_database_continues_for_another_group(server: Server) {
    let Some(mut place) = Place::new(server).await else { return };
    let original = place.world.group_id();
    place.insert(&[place.row(0, 6), place.row(1, 4)]).await;
    place.world.set("kafka.group_id", "none");
    let said = refused(&place.world.execute(&["progress", "set", "--all", "--to-group", "lost"]));
    assert!(
        said.contains("for group lost; it has rows of group") && said.contains(&original),
        "{said}"
    );

    let clone = format!("{original}-clone");
    place.world.set("kafka.group_id", &clone);
    let said = place.world.succeed(&["progress", "set", "--all", "--to-group", &original]);
    assert!(said.contains("1 partition set"), "{said}");
    let order = place.world.topic("order/0");
    assert!(said.contains(&format!("{order} stays as it is")), "{said}");
    let listed = place.listed(&["--topic", &place.world.topic("user")]);
    let line = listed.values().next().unwrap();
    assert_eq!(figures(line), [6, 6, 0, MESSAGES, 4, 0].map(Some));
    assert_eq!(place.rows().await.len(), 2, "the original keeps its rows");
    place.world.end().await;
}

async fn a_running_instance_is_named(server: Server) {
    let Some(mut place) = Place::new(server).await else { return };
    place.world.set("kafka.client_id", "the-loader");
    let instance = Instance::started(&place.world, ASSIGNED).await;
    for command in [&["set", "--all", "--to-earliest"][..], &["skip-to-kafka", "--yes"]] {
        let said = refused(&place.world.execute(&[&["progress"], command].concat()));
        assert!(said.contains("has members, which would overwrite this: the-loader on"), "{said}");
        assert!(said.contains("127.0.0.1"), "{said}");
    }
    let dry = ["progress", "set", "--all", "--to-earliest", "--dry-run"];
    let output = place.world.execute(&dry);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("the-loader"), "{said}");
    instance.stop();
    place.world.succeed(&["progress", "set", "--all", "--to-earliest"]);
    place.continues_at("once it has stopped", 0).await;
    place.world.end().await;
}

async fn check_says_where_kafka_is_ahead(server: Server) {
    let Some(world) = World::migrated(server, 1).await else { return };
    world.produce((0..MESSAGES).map(login)).await;
    let check = || world.succeed(&["check"]);
    assert!(check().contains("Kafka's offsets are not ahead"), "{}", check());
    Instance::until_end(&world).finish();
    let group = Group::new(&world);
    assert!(check().contains("Kafka's offsets are not ahead"), "{}", check());
    let back = "UPDATE sluicegate_progress SET next_offset = 2 WHERE topic LIKE '%user'";
    world.execute_sql([back]).await;
    let ahead =
        format!("offset of {}/0 is 8 ahead of what this database holds", world.topic("user"));
    assert!(check().contains(&ahead), "{}", check());
    delete_messages(&world, "user", 6).await;
    let gone = format!(
        "WARNING  progress: 4 messages of {}/0 (offsets 2 to 5) are no longer in Kafka, so they will be missing from this database",
        world.topic("user")
    );
    assert!(check().contains(&gone) && check().contains("first that Kafka has"), "{}", check());
    world.execute_sql(["DELETE FROM sluicegate_progress"]).await;
    assert!(check().contains("says nothing of the partition"), "{}", check());
    assert_eq!(group.committed("user"), MESSAGES);
    world.end().await;
}
