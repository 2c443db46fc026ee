//! `sluicegate progress`: what this database holds of each partition; list, set, skip-to-kafka.

mod args;
mod kafka;
mod moves;
mod positions;
mod print;
mod store;

use super::output::say;
use super::{connect, lines, mapping, said};
use crate::config::Config;
use crate::ledger::Held;
use crate::mysql::close;
use crate::offsets::Offsets;
use anyhow::{Context, anyhow, bail};
use args::Target;
use kafka::Kafka;
use moves::Move;
use positions::{Earlier, Position};
use sqlx::mysql::MySqlConnection;
use std::io::{IsTerminal, Write};
use store::Group;

pub use args::{Command, Set};

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
    positions.retain(|one| which.takes(&one.partition));
    earlier.retain(|one| which.takes(&one.recorded.partition));
    match command {
        Command::List { json, .. } => places.list(&positions, &earlier, json).await,
        Command::Set(set) => places.set(positions, set).await,
        Command::SkipToKafka { yes, .. } => places.skip_to_kafka(positions, yes).await,
    }
}

/// What a start would warn of: where Kafka's offsets are ahead of this database.
///
/// # Errors
/// If Kafka or the server cannot be asked.
pub(super) async fn warnings(config: &Config, topics: &[String]) -> anyhow::Result<Vec<String>> {
    let mut connection = connect(config).await?;
    let mut places = Places::new(&mut connection, config).await?;
    let (positions, _) = places.look(topics).await?;
    let adopts = positions.iter().all(|one| one.held == Held::Nothing)
        && positions.iter().any(|one| one.committed.is_some())
        && !positions.iter().any(|one| one.was_recorded)
        && store::adopts(places.connection, &mapping(config)?).await.map_err(said)?;
    close(connection).await;
    Ok(print::warnings(&positions, adopts))
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
        let recorded = store::recorded(self.connection, &self.group).await.map_err(said)?;
        let present = self.kafka.present(topics.to_vec()).await?;
        Ok(positions::side_by_side(&present, &recorded, topics))
    }

    async fn list(
        &mut self,
        positions: &[Position],
        earlier: &[Earlier],
        json: bool,
    ) -> anyhow::Result<()> {
        let others = store::other_groups(self.connection, &self.group).await.map_err(said)?;
        print::print_list(positions, earlier, json)?;
        if !others.is_empty() {
            // JSON lines stay JSON lines.
            let _ = writeln!(std::io::stderr(), "{}", print::other_groups(&others, &self.group));
        }
        Ok(())
    }

    async fn set(&mut self, positions: Vec<Position>, set: Set) -> anyhow::Result<()> {
        if !set.dry_run {
            self.refuse_members().await?;
        }
        let target = set.to.target();
        let wanted = self.wanted(&target, &positions).await?;
        let moves = moves::to(&positions, &wanted, target.may_be_deleted())
            .map_err(|faults| impossible(&faults))?;
        print::print_moves(&moves)?;
        for position in positions.iter().filter(|one| !wanted.contains_key(&one.partition)) {
            print::nothing_recorded(position, &target)?;
        }
        if set.dry_run {
            if let Some(members) = self.members().await? {
                let _ = writeln!(std::io::stderr(), "for now it would be refused: {members}");
            }
            return say("nothing was changed (--dry-run)");
        }
        self.apply(&moves).await
    }

    async fn skip_to_kafka(&mut self, positions: Vec<Position>, yes: bool) -> anyhow::Result<()> {
        self.refuse_members().await?;
        let moves = moves::to_kafka(&positions).map_err(|faults| impossible(&faults))?;
        if moves.is_empty() {
            return say("nothing to skip: Kafka's offsets are not ahead of this database");
        }
        print::print_moves(&moves)?;
        if !yes {
            confirm(&print::question(&moves))?;
        }
        self.apply(&moves).await
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
            bail!("{}", print::no_such_group(name, &others, &self.group));
        }
        Ok(held)
    }

    /// What keeps the positions from being changed, if the group has members.
    async fn members(&self) -> anyhow::Result<Option<String>> {
        let members = self.kafka.members(self.group.group_id.clone()).await?;
        Ok((!members.is_empty()).then(|| print::members(&self.group.group_id, &members)))
    }

    /// A running instance would overwrite what is set.
    async fn refuse_members(&self) -> anyhow::Result<()> {
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
        done.context(
            "Kafka has the new offsets, but this database may not; run the command again",
        )?;
        say(&format!("{} set, in this database and in Kafka", print::partitions(moves.len())))
    }
}

fn impossible(faults: &[String]) -> anyhow::Error {
    anyhow!("nothing was changed:\n{}", lines(faults))
}

fn confirm(question: &str) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("{question} Nothing was changed; add --yes to confirm");
    }
    let _ = write!(std::io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("reading the answer")?;
    if !["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
        bail!("not confirmed; nothing was changed");
    }
    Ok(())
}
