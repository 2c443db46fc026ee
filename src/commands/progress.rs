//! `sluicegate progress`: what this database holds of each partition; list, set, skip-to-kafka.

mod args;
mod catch_up;
mod kafka;
mod moves;
mod positions;
mod print;
mod store;
mod words;

use super::{connect, lines, mapping, said};
use crate::config::Config;
use crate::ledger::Held;
use crate::mysql::close;
use crate::offsets::Offsets;
use anyhow::{Context, anyhow, bail};
use args::{How, Target};
use kafka::Kafka;
use moves::Move;
use positions::{Earlier, Position, Unrecorded};
use print::Line;
use sqlx::mysql::MySqlConnection;
use std::io::{IsTerminal, Write};
use store::Group;

pub use args::{Command, Set};
pub(super) use catch_up::catch_up;

/// Runs the command.
///
/// # Errors
/// If Kafka or the server cannot be reached, the group has members, or a position is impossible.
pub async fn execute(command: Command, config: &Config) -> anyhow::Result<()> {
    let mut connection = connect(config).await?;
    let done = execute_on(&mut connection, command, config).await;
    close(connection).await;
    done
}

async fn execute_on(
    connection: &mut MySqlConnection,
    command: Command,
    config: &Config,
) -> anyhow::Result<()> {
    let topics = config.kafka.subscription(&mapping(config)?.topic_names());
    let mut places = Places::new(connection, config).await?;
    let (mut positions, mut earlier) = places.look(&topics).await?;
    if !matches!(command, Command::List { .. }) {
        // There is nothing to continue in what Kafka no longer has.
        earlier.clear();
    }
    let which = command.which();
    let known = positions.iter().map(|one| &one.partition);
    let known: Vec<_> = known.chain(earlier.iter().map(|one| &one.recorded.partition)).collect();
    if known.is_empty() {
        bail!(
            "Kafka has none of the topics {}; check kafka.topics and kafka.topic_prefix",
            topics.join(", ")
        );
    }
    which.check(&topics, &known)?;
    let is_list = matches!(command, Command::List { .. });
    let adopts = is_list && places.adopts(&positions, config).await?;
    positions.retain(|one| which.takes(&one.partition));
    earlier.retain(|one| which.takes(&one.recorded.partition));
    match command {
        Command::List { json, .. } => {
            let unrecorded = Unrecorded { reset: config.kafka.reset, adopts };
            places.list(&print::lines(&positions, &earlier, unrecorded), json).await
        }
        Command::Set(set) => places.set(positions, set).await,
        Command::SkipToKafka { how, .. } => places.skip_to_kafka(positions, how).await,
    }
}

/// What a start would warn of: where Kafka's offsets are ahead of this database, and what Kafka no longer
/// has.
///
/// # Errors
/// If Kafka or the server cannot be asked.
pub(super) async fn warnings(config: &Config, topics: &[String]) -> anyhow::Result<Vec<String>> {
    let mut connection = connect(config).await?;
    let mut places = Places::new(&mut connection, config).await?;
    let (positions, _) = places.look(topics).await?;
    let adopts = places.adopts(&positions, config).await?;
    close(connection).await;
    Ok(words::warnings(&positions, adopts))
}

/// Both places that know how far a group is.
struct Places<'c> {
    connection: &'c mut MySqlConnection,
    kafka: Kafka,
    group: Group,
}

impl<'c> Places<'c> {
    async fn new(connection: &'c mut MySqlConnection, config: &Config) -> anyhow::Result<Self> {
        let kafka = Kafka::new(&config.kafka)?;
        let cluster_id = kafka.cluster_id().await?;
        let group = Group { cluster_id, group_id: config.kafka.group_id.clone() };
        Ok(Self { connection, kafka, group })
    }

    /// What both say of these topics.
    async fn look(&mut self, topics: &[String]) -> anyhow::Result<(Vec<Position>, Vec<Earlier>)> {
        let recorded = store::recorded(self.connection, &self.group).await;
        let recorded = recorded.map_err(store::unreadable)?;
        let present = self.kafka.present(topics.to_vec()).await?;
        Ok(positions::side_by_side(&present, &recorded, topics))
    }

    /// Whether the next start takes Kafka's offsets, this once; these are all positions of the group.
    async fn adopts(&mut self, positions: &[Position], config: &Config) -> anyhow::Result<bool> {
        Ok(positions.iter().all(|one| one.held == Held::Nothing)
            && positions.iter().any(|one| one.committed.is_some())
            && !positions.iter().any(|one| one.was_recorded)
            && store::adopts(self.connection, &mapping(config)?).await.map_err(said)?)
    }

    async fn list(&mut self, lines: &[Line<'_>], json: bool) -> anyhow::Result<()> {
        let others = store::other_groups(self.connection, &self.group).await.map_err(said)?;
        print::print_list(lines, json)?;
        if !others.is_empty() {
            // JSON lines stay JSON lines.
            let _ = writeln!(std::io::stderr(), "{}", words::other_groups(&others, &self.group));
        }
        Ok(())
    }

    async fn set(&mut self, positions: Vec<Position>, set: Set) -> anyhow::Result<()> {
        let Set { to, how, .. } = set;
        self.refuse_members(how).await?;
        let target = to.target();
        let wanted = self.wanted(&target, &positions).await?;
        let moves = moves::to(&positions, &wanted, target.is_held())
            .map_err(|faults| impossible(&faults))?;
        if let Target::Group(group) = &target {
            for one in positions.iter().filter(|one| !wanted.contains_key(&one.partition)) {
                print::tell(how, &words::nothing_recorded(&one.partition, group))?;
            }
        }
        self.change(&moves, how).await
    }

    async fn skip_to_kafka(&mut self, positions: Vec<Position>, how: How) -> anyhow::Result<()> {
        self.refuse_members(how).await?;
        let moves = moves::to_kafka(&positions).map_err(|faults| impossible(&faults))?;
        if moves.is_empty() {
            let nothing = "nothing to skip: Kafka's offsets are not ahead of this database";
            return print::tell(how, nothing);
        }
        self.change(&moves, how).await
    }

    /// Says what moves mean, asks before messages are skipped, makes them, and says how to undo them.
    async fn change(&mut self, moves: &[Move], how: How) -> anyhow::Result<()> {
        if !how.json {
            print::print_moves(moves, how.yes && !how.dry_run)?;
        }
        for gone in moves.iter().filter_map(words::gone_of_move) {
            print::tell(how, &gone)?;
        }
        if how.dry_run {
            print::print_json(moves, how)?;
            if let Some(members) = self.members().await? {
                let _ = writeln!(std::io::stderr(), "for now it would be refused: {members}");
            }
            return print::tell(how, "nothing was changed (--dry-run)");
        }
        let (messages, partitions) = moves::skipped(moves);
        if messages > 0 && !how.yes {
            confirm(messages, partitions)?;
        }
        self.apply(moves).await?;
        print::print_json(moves, how)?;
        let set = words::partitions(moves.len());
        print::tell(how, &format!("{set} set, in this database and in Kafka"))?;
        words::undo(moves).iter().try_for_each(|line| print::tell(how, line))
    }

    /// Where partitions are to continue; without those that another group has nothing of.
    async fn wanted(&mut self, target: &Target, positions: &[Position]) -> anyhow::Result<Offsets> {
        let of_each = |offset: &dyn Fn(&Position) -> i64| {
            positions.iter().map(|one| (one.partition.clone(), offset(one))).collect()
        };
        Ok(match target {
            Target::Earliest => of_each(&|one| one.first),
            Target::Latest => of_each(&|one| one.end),
            Target::Offset(offset) => of_each(&|_| *offset),
            Target::Time(time) => {
                let partitions = positions.iter().map(|one| one.partition.clone()).collect();
                self.kafka.offsets_at(partitions, *time).await?
            }
            Target::Group(name) => self.held_for(name, positions).await?,
        })
    }

    /// What this database holds for another group.
    async fn held_for(&mut self, name: &str, positions: &[Position]) -> anyhow::Result<Offsets> {
        let other = Group { cluster_id: self.group.cluster_id.clone(), group_id: name.to_owned() };
        let recorded = store::recorded(self.connection, &other).await.map_err(said)?;
        let held = positions::held_in(positions, &recorded);
        if held.is_empty() {
            let others = store::other_groups(self.connection, &self.group).await.map_err(said)?;
            bail!("{}", words::no_such_group(name, &others, &self.group));
        }
        Ok(held)
    }

    /// What keeps the positions from being changed, if the group has members.
    async fn members(&self) -> anyhow::Result<Option<String>> {
        let members = self.kafka.members(self.group.group_id.clone()).await?;
        Ok((!members.is_empty()).then(|| words::members(&self.group.group_id, &members)))
    }

    /// A running instance would overwrite what is set.
    async fn refuse_members(&self, how: How) -> anyhow::Result<()> {
        if how.dry_run {
            return Ok(());
        }
        match self.members().await? {
            Some(members) => bail!("{members}"),
            None => Ok(()),
        }
    }

    /// Writes both places. Kafka is told while the transaction is open: if Kafka refuses, for example
    /// because an instance has just started, nothing has changed. If this process dies in between, only
    /// Kafka has the new offsets; the next start takes the smaller of both, so it reads too much, never
    /// too little.
    async fn apply(&mut self, moves: &[Move]) -> anyhow::Result<()> {
        let offsets: Offsets =
            moves.iter().map(|one| (one.position.partition.clone(), one.to)).collect();
        store::begin(self.connection).await.map_err(said)?;
        for Move { position, to, .. } in moves {
            store::replace(self.connection, &self.group, position, *to).await.map_err(said)?;
        }
        // Closing the connection rolls back.
        let taken = self.kafka.commit(offsets).await;
        taken.context("Kafka did not take the offsets, so this database keeps its own")?;
        let done = store::commit(self.connection).await.map_err(said);
        done.context("Kafka has the new offsets, but this database may not; run the command again")
    }
}

fn impossible(faults: &[String]) -> anyhow::Error {
    anyhow!("nothing was changed:\n{}", lines(faults))
}

/// Asks before messages are skipped.
fn confirm(messages: i64, partitions: usize) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("{}", words::refusal(messages, partitions));
    }
    let _ = write!(std::io::stderr(), "{} [y/N] ", words::question(messages, partitions));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("reading the answer")?;
    if !["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
        bail!("not confirmed; nothing was changed");
    }
    Ok(())
}
