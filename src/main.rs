//! Command line → configuration → run → exit code.

use anyhow::Context;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use sluicegate::commands::{check, config_error, dead_letters, demo, run, status};
use sluicegate::config::{Config, Effective, Log, Sources};
use sluicegate::http;
use sluicegate::status::Recent;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Moves JSON domain events from Kafka into MySQL tables.
///
/// Exit codes: 0 success, 1 failure or a problem found, 2 wrong usage or configuration.
// No `Debug`: --set may hold secrets.
#[derive(Parser)]
#[command(version, about, long_about = None, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "Examples:
  sluicegate check                      is everything in place?
  sluicegate run                        consume until SIGTERM
  sluicegate run --until-end            backfill: load what the topics hold now, then exit
  sluicegate status                     what is a running instance doing?
  sluicegate dead-letters count         what could not be loaded, and why
  sluicegate demo                       see it work, no Kafka needed";

const RUN_EXAMPLES: &str = "Examples:
  sluicegate run --config /etc/sluicegate/sluicegate.toml
  sluicegate run --no-migrate           for an account that may not change tables
  sluicegate run --until-end --set kafka.group_id=backfill

Exits with 0 after SIGTERM or Ctrl-C, once everything under way is durable and committed. Exits with 1
if that took longer than stop.timeout, or on an error that retrying cannot fix.";

const MIGRATE_EXAMPLES: &str = "Example:
  sluicegate migrate --set mysql.user=sluicegate_migrate";

const CHECK_EXAMPLES: &str = "Example:
  sluicegate check && systemctl start sluicegate

Exits with 1 if it finds a problem, with 2 if the configuration is invalid. It changes nothing.";

const CONFIG_EXAMPLES: &str = "Examples:
  sluicegate config > new.toml          a file with every setting, to start from
  sluicegate config | grep batch

Secrets are masked and commented out.";

const DEAD_LETTERS_EXAMPLES: &str = "Examples:
  sluicegate dead-letters count --since 1day
  sluicegate dead-letters list --since 2h
  sluicegate dead-letters list --topic order --json | jq .error_text
  sluicegate dead-letters show order/3/1234
  sluicegate dead-letters replay --reason value_too_long
  sluicegate dead-letters replay order/3/1234 18
  sluicegate dead-letters purge --until 30days";

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
struct Settings {
    /// Configuration file [default: sluicegate.toml, if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Override one setting, such as batch.rows=5000; `sluicegate config` lists them all
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Log as JSON lines
    #[arg(long, global = true)]
    log_json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Consume until SIGTERM or SIGINT
    #[command(after_help = RUN_EXAMPLES)]
    Run {
        /// Stop once everything that is in the topics now is loaded and committed
        #[arg(long)]
        until_end: bool,
        /// Refuse to start if migrations are pending, instead of applying them
        #[arg(long)]
        no_migrate: bool,
    },
    /// Apply pending migrations and exit
    #[command(after_help = MIGRATE_EXAMPLES)]
    Migrate,
    /// Check configuration, mapping, schema, Kafka, MySQL and grants
    #[command(after_help = CHECK_EXAMPLES)]
    Check,
    /// Print the effective configuration and where each value comes from
    #[command(after_help = CONFIG_EXAMPLES)]
    Config,
    /// Count, list, show, replay or purge dead letters
    #[command(subcommand, after_help = DEAD_LETTERS_EXAMPLES)]
    DeadLetters(dead_letters::Command),
    /// Show what a running instance is doing
    #[command(after_help = STATUS_EXAMPLES)]
    Status(status::Options),
    /// Load made-up events into a temporary MySQL or MariaDB and show the result
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(demo::Options),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell to complete for
        shell: Shell,
    },
    /// Print the manual page, or write one for each subcommand to a directory
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// Write all manual pages here instead of printing one
        #[arg(long, value_name = "DIRECTORY")]
        directory: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match execute(cli) {
        Ok(code) => code,
        // The reader closed the pipe, as `head` does: that is not a failure.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes, each once: many libraries quote the cause in their own text.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The exit code for a configuration that cannot be used, as for a wrong command line.
const USAGE: u8 = 2;

fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "sluicegate", &mut script);
            return put(&script);
        }
        Command::Man { directory: Some(directory) } => {
            return clap_mangen::generate_to(Cli::command(), &directory)
                .with_context(|| format!("writing manual pages into {}", directory.display()))
                .map(|()| ExitCode::SUCCESS);
        }
        Command::Man { directory: None } => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            return put(&page);
        }
        _ => {}
    }
    let (config, effective) = match sources(cli.settings) {
        Ok(sources) => sources.load(),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            return Ok(ExitCode::from(USAGE));
        }
    };
    match (cli.command, config) {
        (Command::Config, config) => print_config(&effective, config.err().as_deref()),
        (Command::Check, config) => {
            start_logging(&Log { json: false, filter: "warn".to_owned() });
            let wrong = config.is_err().then(|| ExitCode::from(USAGE));
            let found = report(&runtime()?.block_on(check::check(config)))?;
            Ok(wrong.unwrap_or(found))
        }
        (_, Err(faults)) => {
            let _ = writeln!(std::io::stderr(), "error: {:#}", config_error(&faults));
            Ok(ExitCode::from(USAGE))
        }
        (Command::Status(options), Ok(config)) => {
            status::show(&options, &config)?;
            Ok(ExitCode::SUCCESS)
        }
        (command, Ok(config)) => {
            let recent = start_logging(&config.log);
            let server_is_named =
                ["mysql.host", "mysql.socket"].iter().any(|key| effective.is_set(key));
            runtime()?.block_on(work(command, config, server_is_named, recent))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn work(
    command: Command,
    config: Config,
    server_is_named: bool,
    recent: Recent,
) -> anyhow::Result<()> {
    match command {
        Command::Run { until_end, no_migrate } => {
            let metrics = http::install_metrics().context("metrics")?;
            run::run(config, run::Options { until_end, no_migrate }, metrics, recent).await
        }
        Command::Migrate => {
            let applied = run::migrate(&config).await?;
            say(&format!("{applied} migrations applied"))
        }
        Command::DeadLetters(command) => dead_letters::execute(command, &config).await,
        Command::Demo(options) => demo::demo(options, config, server_is_named).await,
        // Done without a runtime.
        Command::Check
        | Command::Config
        | Command::Status(_)
        | Command::Completions { .. }
        | Command::Man { .. } => Ok(()),
    }
}

fn sources(settings: Settings) -> anyhow::Result<Sources> {
    let mut flags = Vec::new();
    // clap drops the values before a subcommand if the option is repeated after it.
    let set = all_of("--set", std::env::args_os());
    debug_assert!(settings.set.iter().all(|known| set.contains(known)));
    for (index, set) in set.into_iter().enumerate() {
        // Not quoted: it may be a password.
        let (key, value) = set.split_once('=').with_context(|| {
            format!(
                "--set number {} has no \"=\"; give KEY=VALUE such as batch.rows=5000",
                index + 1
            )
        })?;
        flags.push(("--set".to_owned(), key.trim().to_owned(), value.trim().to_owned()));
    }
    if settings.log_json {
        flags.push(("--log-json".to_owned(), "log.format".to_owned(), "json".to_owned()));
    }
    Ok(Sources::of_process(settings.config, flags))
}

/// Every value of an option, in the order of the command line.
fn all_of(option: &str, arguments: impl Iterator<Item = OsString>) -> Vec<String> {
    let mut values = Vec::new();
    let mut arguments = arguments
        .map(|argument| argument.to_string_lossy().into_owned())
        .take_while(|argument| argument != "--");
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix(option) {
            Some("") => values.extend(arguments.next()),
            Some(rest) => values.extend(rest.strip_prefix('=').map(str::to_owned)),
            None => {}
        }
    }
    values
}

fn print_config(
    effective: &Effective,
    faults: Option<&[sluicegate::config::ConfigError]>,
) -> anyhow::Result<ExitCode> {
    say(effective.to_toml().trim_end())?;
    let Some(faults) = faults else { return Ok(ExitCode::SUCCESS) };
    let _ = writeln!(std::io::stderr(), "error: {:#}", config_error(faults));
    Ok(ExitCode::from(USAGE))
}

fn report(findings: &check::Findings) -> anyhow::Result<ExitCode> {
    for fine in &findings.fine {
        say(&format!("ok       {fine}"))?;
    }
    for warning in &findings.warnings {
        say(&format!("WARNING  {warning}"))?;
    }
    for problem in &findings.problems {
        say(&format!("PROBLEM  {problem}"))?;
    }
    Ok(if findings.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").context("writing to standard output")
}

fn put(bytes: &[u8]) -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(bytes).context("writing to standard output")?;
    Ok(ExitCode::SUCCESS)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new().context("starting the async runtime")
}

/// Returns the last warnings, for the status page.
fn start_logging(log: &Log) -> Recent {
    // The filter has been checked with the configuration.
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let recent = Recent::default();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let all = tracing_subscriber::registry().with(filter).with(recent.clone());
    if log.json {
        all.with(lines.json()).init();
    } else {
        all.with(lines.with_ansi(std::io::stderr().is_terminal()).with_target(false)).init();
    }
    recent
}
