//! The schema is read whole: what `check` passes, `run` loads. Each kind of fault is named, and the
//! statement that is suggested fixes it and costs nothing that was there.

mod keys;
mod mapped;
mod running;
mod tables;

use testkit::{Server, World};

/// What `check` says of a table's fault.
#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    /// `run` does not start.
    Refused,
    /// It is only said.
    Warned,
}

struct Fault {
    /// How the table gets it.
    by: &'static [&'static str],
    /// Only on this server.
    only: Option<Server>,
    verdict: Verdict,
    /// What is said, all of it.
    says: &'static [&'static str],
    /// How it goes where no statement is suggested.
    undo: &'static [&'static str],
}

const REFUSED: Fault =
    Fault { by: &[], only: None, verdict: Verdict::Refused, says: &[], undo: &[] };
const WARNED: Fault = Fault { verdict: Verdict::Warned, ..REFUSED };

/// Lines of `check` about the schema.
fn findings(world: &World) -> (Option<i32>, Vec<String>) {
    let output = world.execute(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = said.lines().filter(|line| line.contains("schema: ") && !line.starts_with("ok"));
    (output.status.code(), lines.map(str::to_owned).collect())
}

/// The statement that a line suggests, if it is one.
fn statement(line: &str) -> Option<&str> {
    let (_, fix) = line.split_once("; fix it with: ")?;
    ["ALTER ", "CREATE ", "SET "].iter().any(|verb| fix.starts_with(verb)).then_some(fix)
}

async fn migrated(server: Server) -> Option<World> {
    let world = World::migrated(server, 1).await?;
    let (code, lines) = findings(&world);
    assert_eq!((code, &lines[..]), (Some(0), &[][..]), "our own tables are without fault");
    Some(world)
}

/// Each fault is said by `check`; the suggestions of `check`, executed, leave nothing to say.
async fn check(server: Server, faults: &[Fault]) {
    let Some(world) = migrated(server).await else { return };
    for fault in faults.iter().filter(|fault| fault.only.is_none_or(|only| only == server)) {
        world.execute_sql(fault.by.iter().copied()).await;
        let (code, lines) = findings(&world);
        let context = format!("{}: {:?}\n{lines:#?}", server.name(), fault.by);
        let refused = lines.iter().any(|line| line.starts_with("PROBLEM"));
        assert_eq!(refused, fault.verdict == Verdict::Refused, "{context}");
        assert_eq!(code, Some(i32::from(refused)), "{context}");
        for says in fault.says {
            assert!(lines.iter().any(|line| line.contains(says)), "{says:?}\n{context}");
        }
        world.execute_sql(lines.iter().filter_map(|line| statement(line))).await;
        world.execute_sql(fault.undo.iter().copied()).await;
        let (code, left) = findings(&world);
        assert_eq!((code, &left[..]), (Some(0), &[][..]), "the fix leaves something: {context}");
    }
    world.end().await;
}
