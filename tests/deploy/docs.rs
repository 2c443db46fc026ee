//! Every command and every query in the documentation, run as it stands there.

use crate::{read, repository};
use loadgen::{Generator, Plan, TOPICS};
use sqlx::{AssertSqlSafe, Executor};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use testkit::servers::Url;
use testkit::world::program;
use testkit::{Instance, OwnServer, Server, World, free_port, servers, unique};

/// What is not run from here, and what is tried in its place.
const ELSEWHERE: [(&str, &str); 7] = [
    ("cargo build", "this test is made by it"),
    ("cargo test", "this test is run by it"),
    ("cargo run", "the same program is run by the other commands"),
    ("bash .ci/run", "it runs this test"),
    ("tests/servers/with", "this test runs under it"),
    ("sluicegate purge", "no built-in mapping has `deleted`; own::purge runs it"),
    ("callgrind_annotate", "`make instructions`, another step of CI, makes what it reads"),
];
/// Ends by itself only when told to; so long is enough to see that it works.
const ENDLESS_SECONDS: u32 = 6;
const EVENTS: u64 = 4_000;

/// A block of a documentation file, between its fences.
struct Block {
    place: String,
    text: String,
}

/// All blocks of a language, those in lists, too.
fn blocks(language: &str) -> Vec<Block> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(repository("docs"))
        .unwrap()
        .map(|entry| PathBuf::from("docs").join(entry.unwrap().file_name()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    files.extend(["README.md", "CONTRIBUTING.md"].map(PathBuf::from));
    files.sort_unstable();
    let fence = format!("```{language}");
    let mut blocks = Vec::new();
    for file in files {
        let text = read(file.to_str().unwrap());
        let mut open: Option<Block> = None;
        let mut margin = "";
        for (number, line) in text.lines().enumerate() {
            if open.is_none() {
                margin = &line[..line.len() - line.trim_start_matches(' ').len()];
            }
            let line = line.strip_prefix(margin).unwrap_or(line);
            match &mut open {
                Some(_) if line == "```" => blocks.extend(open.take()),
                Some(block) => block.text.push_str(&format!("{line}\n")),
                None if line == fence => {
                    let place = format!("{}:{}", file.display(), number + 1);
                    open = Some(Block { place, text: String::new() });
                }
                None => {}
            }
        }
    }
    blocks
}

/// A block's commands, without those that are not run from here; targets of make are only tried with --dry-run.
fn script(block: &Block) -> String {
    let text = block.text.replace("\\\n", "");
    let lines =
        text.lines().filter(|line| !ELSEWHERE.iter().any(|(begin, _)| line.starts_with(begin)));
    let make = format!("make --dry-run --directory={} ", env!("CARGO_MANIFEST_DIR"));
    let lines = lines.map(|line| match line.strip_prefix("make ") {
        Some(rest) => format!("{make}{rest}"),
        None => line.to_owned(),
    });
    lines.map(|line| format!("{line}\n")).collect()
}

/// Everything that the documentation speaks of: a broker under its name, tables with rows and dead
/// letters, the programs on the PATH.
struct Surroundings {
    world: World,
    broker: OwnServer,
    bin: PathBuf,
    work: PathBuf,
    http: u16,
    /// The database that the old service wrote to.
    old: String,
    /// A clone of the world's database.
    clone: String,
}

impl Surroundings {
    async fn new() -> Option<Self> {
        let mut world = World::new(Server::MySql)?;
        let directory = servers::directory("docs");
        // Topics and groups have their real names, so the broker is one of our own.
        let broker = OwnServer::start("kafka", &directory, |_| {}).await;
        world.kafka = broker.address();
        world.prefix = String::new();
        world.create_topics(&TOPICS, 2).await;
        let plan = Plan { events: EVENTS, poison: 0.05, ..Plan::default() };
        world.produce(Generator::new(plan)).await;
        world.load();
        let old = unique("sluicegate_old");
        let mut admin = world.admin().await;
        let mut copy = format!("CREATE DATABASE `{old}`;");
        for table in ["user_logins", "orders"] {
            copy += &format!(
                "CREATE TABLE `{old}`.{table} SELECT * FROM `{}`.{table};",
                world.database
            );
        }
        admin.execute(AssertSqlSafe(copy)).await.unwrap();
        let (bin, work) = (directory.join("bin"), directory.join("work"));
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(&work).unwrap();
        // Two results of `loadgen bench`, to be compared.
        for result in ["before.json", "after.json"] {
            let figures = serde_json::json!({ "about": {}, "figures": [{ "name": "rows_per_second",
                "median": 45e3, "min": 44e3, "max": 46e3, "values": [44e3, 45e3, 46e3] }] });
            std::fs::write(work.join(result), figures.to_string()).unwrap();
        }
        let surroundings = Self {
            world,
            broker,
            bin,
            work,
            http: free_port(),
            old,
            clone: unique("sluicegate_clone"),
        };
        surroundings.write_programs();
        Some(surroundings)
    }

    fn write_programs(&self) {
        let write = |name: &str, text: String| crate::write_script(&self.bin.join(name), &text);
        let server = Url::parse(&self.world.url);
        let variables = [
            ("KAFKA_BOOTSTRAP_SERVERS", self.world.kafka.as_str()),
            ("MYSQL_HOST", &server.host),
            ("MYSQL_PORT", &server.port),
            ("MYSQL_USER", &server.user),
            ("MYSQL_PASSWORD", &server.password),
            ("MYSQL_DATABASE", &self.world.database),
            ("SLUICEGATE__HTTP__ADDRESS", &format!("127.0.0.1:{}", self.http)),
        ];
        let variables: Vec<String> = variables
            .iter()
            .map(|(name, value)| format!(": \"${{{name}:={value}}}\"; export {name}\n"))
            .collect();
        let built = program();
        let (sluicegate, loadgen) = (built.display(), built.with_file_name("loadgen"));
        let endless = format!(
            "timeout --preserve-status --signal=TERM {ENDLESS_SECONDS} {sluicegate} \"$@\""
        );
        write(
            "sluicegate",
            format!(
                "{}case \"$*\" in\n  run) exec {endless} ;;\n  *) exec {sluicegate} \"$@\" ;;\nesac\n",
                variables.concat()
            ),
        );
        assert!(loadgen.exists(), "{loadgen:?} is missing: run with `cargo test --workspace`");
        write("loadgen", format!("exec {} \"$@\"\n", loadgen.display()));
        let groups = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
        write("kafka-consumer-groups.sh", self.broker.script("tool", groups));
        for (client, verb) in [("mysql", "sql"), ("mysqldump", "dump")] {
            // Otherwise those of this machine.
            if let Some(script) = servers::script_of("mysql", verb) {
                write(client, script);
            }
        }
    }

    /// A program on the PATH.
    fn program(&self, name: &str) -> Command {
        Command::new(self.bin.join(name))
    }

    /// Runs commands as a person at a shell would.
    #[track_caller]
    fn run(&self, place: &str, script: &str) {
        let script = script
            .replace("kafka:9092", &self.world.kafka)
            .replace("127.0.0.1:9464", &format!("127.0.0.1:{}", self.http))
            .replace("target/release/", "")
            .replace("analytics_clone", &self.clone)
            .replace(" analytics ", &format!(" {} ", self.world.database))
            .replace(" analytics;", &format!(" {};", self.world.database));
        let path = format!("{}:{}", self.bin.display(), std::env::var("PATH").unwrap());
        let output = Command::new("bash")
            .args(["-e", "-u", "-o", "pipefail", "-c", &script])
            .env("PATH", path)
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            .current_dir(&self.work)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success(), "{place}: {}: {script}\n{said}", output.status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_works() {
    let Some(surroundings) = Surroundings::new().await else { return };
    for block in blocks("sh") {
        // A few speak of an instance that runs meanwhile.
        let watches =
            |line: &&str| line.starts_with("curl") || line.starts_with("sluicegate status");
        let script = script(&block);
        let (watching, others): (Vec<&str>, Vec<&str>) = script.lines().partition(watches);
        surroundings.run(&block.place, &others.join("\n"));
        if !watching.is_empty() {
            // The option keeps it apart from the documentation's own, which is ended soon.
            let mut run = surroundings.program("sluicegate");
            run.args(["run", "--no-migrate"]);
            let mut instance = Instance::spawn(&mut run, Some(surroundings.http));
            instance.becomes_ready();
            surroundings.run(&block.place, &watching.join("\n"));
            instance.stop();
        }
    }
    let mut connection = surroundings.world.connect().await;
    for block in blocks("sql") {
        let statements = block.text.replace("analytics_old", &surroundings.old);
        let done = connection.execute(AssertSqlSafe(statements)).await;
        assert!(done.is_ok(), "{}: {done:?}", block.place);
    }
    let Surroundings { old, clone, .. } = &surroundings;
    let drop = format!(
        "DROP DATABASE `{old}`; DROP DATABASE IF EXISTS trial; DROP DATABASE IF EXISTS `{clone}`"
    );
    connection.execute(AssertSqlSafe(drop)).await.unwrap();
    surroundings.world.end().await;
}
