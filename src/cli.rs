//! The command line.

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use sluicegate::commands::{dead_letters, demo, infer, progress, purge, status, trial};
use std::path::PathBuf;

/// Moves JSON domain events from Kafka into MySQL tables.
///
/// Exit codes: 0 success, 1 failure or a problem found, 2 wrong usage or configuration.
// It holds the values of --set, secrets included, so it has no `Debug`.
#[derive(Parser)]
#[command(version, about, long_about = None, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "Examples:
  sluicegate check                      is everything in place?
  sluicegate run                        consume until SIGTERM
  sluicegate run --until-end            load what is in the topics now, then exit
  sluicegate status                     what is a running instance doing?
  sluicegate dead-letters count         which messages could not be loaded, and why
  sluicegate progress list              how far does this database hold each partition?
  sluicegate demo                       see it work, with a built-in broker";

const RUN_EXAMPLES: &str = "Examples:
  sluicegate run --config /etc/sluicegate/sluicegate.toml
  sluicegate run --no-migrate           with an account that may not alter tables
  sluicegate run --until-end --set kafka.group_id=backfill

Exits with 0 after SIGTERM or Ctrl-C once everything in flight is durable and committed; with 1 if that
took longer than stop.timeout, or if something needs a person.";

const MIGRATE_EXAMPLES: &str = "Examples:
  sluicegate migrate --dry-run          print the SQL, change nothing
  sluicegate migrate --set mysql.user=sluicegate_migrate

It creates tables, adds columns that may be NULL, widens types, appends to ENUMs and adds the unique
key that it needs: nothing that could lose data. All else is for you; `sluicegate check` prints it.";

const INFER_EXAMPLES: &str = "Examples:
  sluicegate infer --topic shipments > mapping/shipments.toml
  sluicegate infer --file sample.jsonl > mapping/shipments.toml
  sluicegate infer --topic shipments --messages 20000

Prints paths, types and counts, and no value of the data. It joins no group and commits nothing. What is
doubtful is a TODO, with which the file does not compile: choose, then `sluicegate try`.";

const TRY_EXAMPLES: &str = "Examples:
  sluicegate try --file sample.jsonl --set mapping.directory=mapping --set mapping.built_in=false
  sluicegate try --file values.jsonl --topic orders --expect rows.json

Prints rows and verdicts as JSON lines, and on standard error the mapped paths that no message had. Exits
with 1 if the rows differ from the expected ones, with 2 if the mapping is wrong.";

const CHECK_EXAMPLES: &str = "Examples:
  sluicegate check && systemctl start sluicegate
  sluicegate check --offline            the configuration and the mapping files alone

Exits with 1 if it finds a problem, with 2 if the configuration is wrong. It changes nothing.";

const SCHEMA_EXAMPLES: &str = "Examples:
  sluicegate schema > mapping.schema.json

Put `#:schema ./mapping.schema.json` into the first line of a mapping file: editors with support for TOML
(Even Better TOML, taplo, tombi) then complete its keys, explain them and mark what is wrong.";

const CONFIG_EXAMPLES: &str = "Examples:
  sluicegate config > new.toml          start from a file with every setting
  sluicegate config | grep batch

Passwords are not printed; their lines are comments.";

const DEAD_LETTERS_EXAMPLES: &str = "Examples:
  sluicegate dead-letters count --since 1day
  sluicegate dead-letters list --since 2h
  sluicegate dead-letters list --topic order --json | jq .error_text
  sluicegate dead-letters show order/3/1234
  sluicegate dead-letters replay --reason value_too_long
  sluicegate dead-letters replay order/3/1234 18
  sluicegate dead-letters purge --until 30days";

const PROGRESS_EXAMPLES: &str = "Examples:
  sluicegate progress list
  sluicegate progress list --topic order --json | jq .left
  sluicegate progress set --topic order --to-time 2026-11-20T00:00
  sluicegate progress set order/3 order/4 --to-offset 1200 --dry-run
  sluicegate progress set --all --to-group mysql-analytics-service
  sluicegate progress skip-to-kafka";

const PURGE_EXAMPLES: &str = "Examples:
  sluicegate purge --deleted --older-than 30days --dry-run
  sluicegate purge --deleted --older-than 30days --table customers --yes
  sluicegate purge --deleted --older-than 1year --yes --json | jq .rows

It asks before it removes rows; without a terminal it needs --yes. It can be interrupted and run again.";

const STATUS_EXAMPLES: &str = "Examples:
  sluicegate status                     live, until Ctrl-C
  sluicegate status --url http://10.0.0.7:9464 --once
  sluicegate status --json | jq .limit.text

Exits with 1 if no instance answers.";

const COMPLETIONS_EXAMPLES: &str = "Examples:
  sluicegate completions bash > /etc/bash_completion.d/sluicegate
  sluicegate completions zsh > ~/.zfunc/_sluicegate";

const MAN_EXAMPLES: &str = "Examples:
  sluicegate man | man -l -
  sluicegate man --directory /usr/local/share/man/man1";

const DEMO_EXAMPLES: &str = "Examples:
  sluicegate demo
  sluicegate demo --events 1000000 --keep
  sluicegate demo --set mysql.host=127.0.0.1 --set mysql.database=demo   on your own server";

#[derive(Args)]
pub(crate) struct Settings {
    /// Configuration file [default: sluicegate.toml, if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Override a setting from the file or the environment; `sluicegate config` lists them
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Log JSON lines
    #[arg(long, global = true)]
    pub(crate) log_json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Consume until SIGTERM or SIGINT
    #[command(after_help = RUN_EXAMPLES)]
    Run {
        /// Stop once everything now in the topics is loaded and committed
        #[arg(long)]
        until_end: bool,
        /// Refuse to start if migrations are pending, instead of applying them
        #[arg(long)]
        no_migrate: bool,
    },
    /// Apply pending migrations, make and grow the tables of the mapping, then exit
    #[command(after_help = MIGRATE_EXAMPLES)]
    Migrate {
        /// Print the SQL instead of running it
        #[arg(long)]
        dry_run: bool,
    },
    /// Check configuration, mapping, schema, Kafka, MySQL and grants
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// Only the configuration and the mapping files, without a server
        #[arg(long)]
        offline: bool,
    },
    /// Print a mapping file for the messages of a topic or a file
    #[command(after_help = INFER_EXAMPLES)]
    Infer(infer::Options),
    /// Show what the mapping makes of messages in a file, without a server
    #[command(after_help = TRY_EXAMPLES)]
    Try(trial::Options),
    /// Print the JSON Schema of mapping files, for editors
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Print the effective configuration and where each value comes from
    #[command(after_help = CONFIG_EXAMPLES)]
    Config,
    /// Count, list, show, replay or purge dead letters
    #[command(subcommand, after_help = DEAD_LETTERS_EXAMPLES)]
    DeadLetters(dead_letters::Command),
    /// List or change how far this database holds each partition
    #[command(subcommand, after_help = PROGRESS_EXAMPLES)]
    Progress(progress::Command),
    /// Remove rows that were deleted long ago, and their lines
    ///
    /// Deletes are soft: the row stays and refuses what is older. Once it is removed, an older event that
    /// comes late would bring it back. So this waits until everything that Kafka has is loaded, and
    /// --older-than should be longer than events ever come late. Rows are removed in small transactions,
    /// safely beside running instances.
    #[command(after_help = PURGE_EXAMPLES)]
    Purge(purge::Options),
    /// Show what a running instance is doing
    #[command(after_help = STATUS_EXAMPLES)]
    Status(status::Options),
    /// Load made-up events into a private MySQL or MariaDB and show the result
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(demo::Options),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell to complete for
        shell: Shell,
    },
    /// Print the manual page, or write one for each subcommand
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// Write all manual pages here instead of printing one
        #[arg(long, value_name = "DIRECTORY")]
        directory: Option<PathBuf>,
    },
}
