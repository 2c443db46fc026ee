//! Views of living rows: made, grown, and never taken from their owners.

use super::pairs::{Line, send};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testkit::world::said;
use testkit::{Server, World};

testkit::on_both_servers!(a_view_shows_the_living, a_view_of_others_stays);

fn mapping(columns: &str) -> String {
    format!(
        "topic = 'people'\nkey = 'person'\n[envelope]\ntype = 'op'\nid = 'id'\ntime = 'at'\nkey = 'person'\ndata = '$message'\n\
         [entity]\ntable = 'people'\ncreated_by = ['c', 'd']\n\
         deleted = {{ name = 'gone', on = 'd', living_view = 'living_people' }}\ncolumns = [{columns}]\n\
         [[entity.changing]]\nname = 'mood'\ntype = 'varchar(20)'\nfrom = 'mood'\non = [{{ event = 'm', from = 'mood' }}]\n"
    )
}

const NAME: &str = "{ name = 'name', type = 'varchar(50)', from = 'name' }";
const AGE: &str = "{ name = 'age', type = 'int', from = 'age' }";

async fn place(server: Server) -> Option<(World, tempfile::TempDir)> {
    let mut world = World::new(server)?;
    let directory = tempfile::tempdir().unwrap();
    world.set("mapping.built_in", false);
    world.set("mapping.directory", directory.path().display());
    world.create_topics(&["people"], 1).await;
    std::fs::write(directory.path().join("people.toml"), mapping(NAME)).unwrap();
    Some((world, directory))
}

fn event(op: &str, id: &str, person: &str, rest: &Value) -> Line {
    let mut value = json!({"op": op, "id": id, "at": "2026-01-01T00:00:00Z", "person": person});
    value.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    Line {
        topic: "people".to_owned(),
        key: None,
        value: Some(value.to_string()),
        headers: BTreeMap::new(),
    }
}

async fn living(world: &World) -> Vec<Value> {
    let mut rows: Vec<Value> =
        world.rows("living_people").await.iter().map(|row| json!(row)).collect();
    rows.sort_by_key(ToString::to_string);
    rows
}

async fn a_view_shows_the_living(server: Server) {
    let Some((world, directory)) = place(server).await else { return };
    let sql = world.succeed(&["migrate", "--dry-run"]);
    assert!(sql.contains("CREATE SQL SECURITY INVOKER VIEW `living_people`"), "{sql}");
    world.succeed(&["migrate"]);
    assert_eq!(world.succeed(&["migrate", "--dry-run"]), "");
    let check = world.succeed(&["check"]);
    assert!(!check.contains("living_people"), "{check}");
    let lines = vec![
        event("c", "1", "ann", &json!({"name": "Ann", "mood": "fine"})),
        event("c", "2", "bob", &json!({"name": "Bob"})),
        event("d", "3", "bob", &json!({"name": "Bob"})),
        event("m", "4", "cleo", &json!({"mood": "glad"})),
    ];
    send(&world, lines).await;
    world.load();
    let at = "2026-01-01 00:00:00.000000";
    let row = |person, name: Value, mood, at: Value| json!({"person": person, "name": name, "mood": mood, "event_timestamp": at});
    assert_eq!(
        living(&world).await,
        [
            row("ann", json!("Ann"), "fine", json!(at)),
            row("cleo", Value::Null, "glad", Value::Null)
        ]
    );

    // A new column, before the others in the mapping and behind them in the view.
    std::fs::write(directory.path().join("people.toml"), mapping(&format!("{AGE}, {NAME}")))
        .unwrap();
    let check = world.execute(&["check"]);
    assert!(said(&check).contains("living_people: lacks `age`"), "{}", said(&check));
    let sql = world.succeed(&["migrate", "--dry-run"]);
    assert!(sql.contains("CREATE OR REPLACE SQL SECURITY INVOKER VIEW `living_people` AS SELECT `person`, `name`, `mood`, `event_timestamp`, `age` FROM"), "{sql}");
    world.succeed(&["migrate"]);
    assert_eq!(world.succeed(&["migrate", "--dry-run"]), "");
    assert_eq!(living(&world).await[0]["age"], Value::Null);

    // A column that the mapping no longer has stays in the view.
    std::fs::write(directory.path().join("people.toml"), mapping(NAME)).unwrap();
    assert_eq!(world.succeed(&["migrate", "--dry-run"]), "");
    let check = world.succeed(&["check"]);
    assert!(
        check.contains("living_people: shows `age`, which the mapping has no longer"),
        "{check}"
    );
    world.end().await;
}

async fn a_view_of_others_stays(server: Server) {
    let Some((world, _directory)) = place(server).await else { return };
    world.succeed(&["migrate"]);
    for (other, text) in [
        ("CREATE OR REPLACE VIEW living_people AS SELECT person FROM people", "is another view"),
        (
            "CREATE OR REPLACE SQL SECURITY INVOKER VIEW living_people AS SELECT person, name, mood, event_timestamp \
             FROM people WHERE COALESCE(gone, 0) = 0 AND name <> 'x'",
            "is another view",
        ),
        (
            "CREATE OR REPLACE SQL SECURITY DEFINER VIEW living_people AS SELECT person, name, mood, event_timestamp \
             FROM people WHERE COALESCE(gone, 0) = 0",
            "is another view",
        ),
        ("DROP VIEW living_people; CREATE TABLE living_people (a INT)", "is a table"),
    ] {
        for statement in other.split("; ") {
            world.execute_sql([statement]).await;
        }
        assert_eq!(world.succeed(&["migrate", "--dry-run"]), "", "{other}");
        assert_eq!(world.succeed(&["migrate"]), "0 migrations applied\n");
        let check = world.succeed(&["check"]);
        assert!(check.contains(text), "{other}: {check}");
        let has_fix = check.contains("CREATE OR REPLACE SQL SECURITY INVOKER VIEW `living_people`");
        assert_eq!(has_fix, text.contains("view"), "{other}: {check}");
    }
    // No row depends on it.
    send(&world, vec![event("c", "1", "ann", &json!({"name": "Ann"}))]).await;
    world.load();
    assert_eq!(world.count("people").await, 1);
    world.end().await;
}
