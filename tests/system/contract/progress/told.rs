//! What `sluicegate progress` says and asks before a change and after it, and what its list remarks on.

use super::{MESSAGES, Place, Recorded, login, refused};
use loadgen::Message;
use serde_json::{Value, json};
use testkit::Server;
use testkit::kafka::delete_messages;

testkit::on_both_servers!(
    a_set_that_skips_is_confirmed,
    a_change_says_how_to_undo_it,
    moves_are_json_lines,
    what_kafka_no_longer_has_is_shown,
    a_list_has_remarks_and_a_total,
    a_missing_table_is_named
);

/// The line of a table that begins with this, its words apart by one blank.
#[track_caller]
fn line(table: &str, begin: &str) -> String {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = table.lines().map(words).find(|line| line.starts_with(begin));
    found.unwrap_or_else(|| panic!("no line {begin}\n{table}"))
}

/// The JSON lines that a command prints, without the topic, which has this name.
#[track_caller]
fn json_lines(text: &str, topic: &str) -> Vec<Value> {
    let without_topic = |line: &str| {
        let mut value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(value.as_object_mut().unwrap().remove("topic").unwrap(), topic);
        value
    };
    text.lines().map(without_topic).collect()
}

async fn a_set_that_skips_is_confirmed(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    let (world, user) = (&place.world, place.world.topic("user/0"));
    let order = world.topic("order/0");
    place.insert(&[place.row(0, 3)]).await;
    place.group.commit("user", 5);
    let before = place.rows().await;
    let set = ["progress", "set", "--all", "--to-latest"];
    let output = world.execute(&set);
    let said = refused(&output);
    let wanted = "error: this would skip 7 messages in 1 partition, which this database would never load; nothing was changed. Add --yes";
    assert!(said.contains(wanted), "{said}");
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(line(&table, &user), format!("{user} 3 5 3 10 7 would be skipped"));
    assert_eq!(line(&table, &order), format!("{order} – – 0 0 –"));
    let said = refused(&world.execute(&[&set[..], &["--json"]].concat()));
    assert!(said.contains("this would skip 7 messages"), "{said}");
    assert_eq!((place.rows().await, place.group.committed("user")), (before, 5));

    let table = world.succeed(&[&set[..], &["--yes"]].concat());
    assert_eq!(line(&table, &user), format!("{user} 3 5 3 10 7 skipped"));
    place.continues_at("with --yes", MESSAGES).await;
    // Nothing is skipped that this database holds.
    place.group.commit("user", 5);
    let table = world.succeed(&["progress", "set", &user, "--to-offset", "10"]);
    assert_eq!(line(&table, &user), format!("{user} 10 5 5 10 5 not read again"));

    // A new group has everything before it.
    world.execute_sql(["DELETE FROM sluicegate_progress"]).await;
    let dry_run = ["progress", "set", &user, "--to-latest", "--dry-run", "--set"];
    let table = world.succeed(&[&dry_run[..], &["kafka.group_id=new"]].concat());
    assert_eq!(line(&table, &user), format!("{user} – – 0 10 10 would be skipped"));
    place.world.end().await;
}

async fn a_change_says_how_to_undo_it(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    let (world, user) = (&place.world, place.world.topic("user/0"));
    place.insert(&[place.row(0, 6)]).await;
    place.group.commit("user", 6);
    let said = world.succeed(&["progress", "set", "--all", "--to-earliest"]);
    let undo = format!("progress set {user} --to-offset 6");
    assert_eq!(line(&said, "to undo"), format!("to undo: sluicegate {undo}"));
    assert_eq!(said.matches("to undo").count(), 1, "only of what has changed: {said}");
    let undo = [&undo.split(' ').collect::<Vec<_>>()[..], &["--yes"]].concat();
    world.succeed(&undo);
    place.continues_at("undone", 6).await;

    world.create_topics(&["post"], 6).await;
    let message = |n: u8| Message { topic: "post".into(), key: Some(vec![n]), ..login(0) };
    world.produce((0..200).map(message)).await;
    let said = world.succeed(&["progress", "set", "--all", "--to-latest", "--yes"]);
    assert!(said.contains("keep this list") && !said.contains("to undo: "), "{said}");
    place.world.end().await;
}

async fn moves_are_json_lines(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    let (world, user) = (&place.world, place.world.topic("user"));
    place.insert(&[place.row(0, 3)]).await;
    place.group.commit("user", 8);
    let run = |arguments: &[&str]| {
        let arguments = [&["progress"], arguments, &["--topic", &user, "--json"]].concat();
        json_lines(&world.succeed(&arguments), &user)
    };
    let moved = |from: i64, to: i64, skipped: i64, again: i64, dry_run: bool| {
        [json!({ "partition": 0, "from": from, "to": to, "skipped": skipped, "again": again,
            "gone": 0, "dry_run": dry_run })]
    };
    let before = place.rows().await;
    assert_eq!(run(&["skip-to-kafka", "--dry-run"]), moved(3, 8, 5, 0, true));
    assert_eq!(run(&["set", "--to-offset", "4", "--dry-run"]), moved(3, 4, 1, 0, true));
    assert_eq!((place.rows().await, place.group.committed("user")), (before, 8));
    assert_eq!(run(&["skip-to-kafka", "--yes"]), moved(3, 8, 5, 0, false));
    place.continues_at("skipped", 8).await;
    assert_eq!(run(&["skip-to-kafka", "--yes"]), [] as [Value; 0]);
    assert_eq!(run(&["set", "--to-offset", "2"]), moved(8, 2, 0, 6, false));
    place.continues_at("set", 2).await;
    place.world.end().await;
}

async fn what_kafka_no_longer_has_is_shown(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    let (world, user) = (&place.world, place.world.topic("user/0"));
    place.insert(&[place.row(0, 3)]).await;
    place.group.commit("user", 8);
    delete_messages(world, "user", 8).await;
    let listed = place.listed(&[&user]);
    let one = listed.values().next().unwrap();
    assert_eq!((&one["left"], &one["gone"]), (&json!(2), &json!(5)), "{one}");
    let table = world.succeed(&["progress", "list"]);
    let (own, total) = (line(&table, &user), line(&table, "total"));
    assert!(own.starts_with(&format!("{user} 3 8 8 10 2 5 ")) && own.ends_with(" 5 gone"), "{own}");
    assert_eq!(total, "total 2 5 5 gone");

    let gone = format!(
        "5 messages of {user} (offsets 3 to 7) are no longer in Kafka, so they will be missing from this database"
    );
    let said = world.succeed(&["progress", "set", &user, "--to-earliest", "--dry-run"]);
    assert_eq!(line(&said, &user), format!("{user} 3 8 8 8 5 gone"));
    assert!(said.contains(&gone), "{said}");
    // What is gone is not skipped, so it takes no --yes.
    let said = world.succeed(&["progress", "skip-to-kafka"]);
    assert!(said.contains(&gone), "{said}");
    place.continues_at("skipped", 8).await;
    let listed = place.listed(&[&user]);
    assert_eq!(listed.values().next().unwrap()["gone"], 0);
    place.world.end().await;
}

async fn a_list_has_remarks_and_a_total(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    let (world, user) = (&place.world, place.world.topic("user/0"));
    let list = |more: &[&str]| world.succeed(&[&["progress", "list"], more].concat());
    place.group.commit("user", 8);
    let own = line(&list(&[]), &user);
    assert_eq!(own, format!("{user} – 8 0 10 – – – no record; a run reads from 0"));
    let latest = line(&list(&["--set", "kafka.auto_offset_reset=latest"]), &user);
    assert!(latest.ends_with("no record; a run reads from 8"), "{latest}");

    place.insert(&[place.row(0, 8), Recorded { topic: "order", id: "", ..place.row(0, 0) }]).await;
    let table = list(&[]);
    assert!(table.lines().next().unwrap().trim_end().ends_with("remark"), "{table}");
    assert!(line(&table, &user).starts_with(&format!("{user} 8 8 0 10 2 0 20")), "{table}");
    assert_eq!(line(&table, "total"), "total 2 0");
    let listed = place.listed(&[&user]);
    let recorded_at = listed.values().next().unwrap()["recorded_at"].as_str().unwrap();
    let age = jiff::Timestamp::now() - recorded_at.parse::<jiff::Timestamp>().unwrap();
    assert!(recorded_at.ends_with('Z') && age.get_hours() == 0, "{recorded_at}");
    place.world.end().await;
}

async fn a_missing_table_is_named(server: Server) {
    let Some(place) = Place::new(server).await else { return };
    place.world.execute_sql(["DROP TABLE sluicegate_progress"]).await;
    let said = refused(&place.world.execute(&["progress", "list"]));
    assert!(said.contains("no table sluicegate_progress; run `sluicegate migrate`"), "{said}");
    place.world.end().await;
}
