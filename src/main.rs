//! Command line → configuration → command → exit code.

mod cli;

use anyhow::Context;
use clap::{CommandFactory, Parser};
use cli::{Cli, Command, Settings};
use sluicegate::commands::{
    Usage, check, config_error, counted, dead_letters, demo, infer, progress, purge, run, status,
    trial,
};
use sluicegate::config::{Config, ConfigError, Effective, Log, Sources};
use sluicegate::http;
use sluicegate::status::Recent;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The exit code for a configuration that cannot be used, as for a wrong command line.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    match execute(Cli::parse()) {
        Ok(code) => code,
        // The reader of the pipe has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {}", chain(&error));
            if error.is::<Usage>() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
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

/// Does what the command line asks for.
fn execute(Cli { settings, command }: Cli) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run { until_end, no_migrate } => {
            let (config, _) = usable(settings)?;
            let recent = start_logging(&config.log);
            let metrics = http::install_metrics().context("metrics")?;
            let options = run::Options { until_end, no_migrate };
            finish(runtime()?.block_on(run::run(config, options, metrics, recent)))
        }
        Command::Migrate { dry_run } => migrate(settings, dry_run),
        Command::Check { offline } => check(settings, offline),
        Command::Infer(options) => {
            let (config, _) = usable(settings)?;
            start_logging(&Log { json: false, filter: "warn".to_owned() });
            finish(infer::execute(&config, &options))
        }
        Command::Try(options) => attempt(settings, &options),
        Command::Schema => finish(put(sluicegate::commands::JSON_SCHEMA.as_bytes())),
        Command::Config => {
            let (config, effective) = load(settings)?;
            say(effective.to_toml().trim_end())?;
            finish(config.map(drop).map_err(|faults| Usage(config_error(&faults)).into()))
        }
        Command::Status(options) => {
            let (config, _) = usable(settings)?;
            finish(status::show(&options, &config))
        }
        Command::DeadLetters(command) => {
            let (config, _) = usable(settings)?;
            start_logging(&config.log);
            finish(runtime()?.block_on(dead_letters::execute(command, &config)))
        }
        Command::Progress(command) => {
            let (config, _) = usable(settings)?;
            start_logging(&config.log);
            finish(runtime()?.block_on(progress::execute(command, &config)))
        }
        Command::Purge(options) => {
            let (config, _) = usable(settings)?;
            start_logging(&config.log);
            finish(runtime()?.block_on(purge::execute(options, &config)))
        }
        Command::Demo(options) => {
            let (config, effective) = usable(settings)?;
            start_logging(&config.log);
            let server_is_named =
                ["mysql.host", "mysql.socket"].iter().any(|key| effective.is_set(key));
            finish(runtime()?.block_on(demo::demo(options, config, server_is_named)))
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "sluicegate", &mut script);
            finish(put(&script))
        }
        Command::Man { directory: Some(directory) } => finish(
            clap_mangen::generate_to(Cli::command(), &directory)
                .with_context(|| format!("writing manual pages into {}", directory.display())),
        ),
        Command::Man { directory: None } => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            finish(put(&page))
        }
    }
}

fn check(settings: Settings, offline: bool) -> anyhow::Result<ExitCode> {
    let (config, _) = load(settings)?;
    start_logging(&Log { json: false, filter: "warn".to_owned() });
    let is_usable = config.is_ok();
    let findings = match offline {
        true => check::check_offline(config),
        false => runtime()?.block_on(check::check(config)),
    };
    let found = report(&findings)?;
    Ok(if is_usable { found } else { ExitCode::from(USAGE) })
}

fn attempt(settings: Settings, options: &trial::Options) -> anyhow::Result<ExitCode> {
    let (config, _) = usable(settings)?;
    let differences = trial::execute(&config, options)?;
    for difference in &differences {
        let _ = writeln!(std::io::stderr(), "difference: {difference}");
    }
    Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn migrate(settings: Settings, dry_run: bool) -> anyhow::Result<ExitCode> {
    let (config, _) = usable(settings)?;
    if dry_run {
        start_logging(&Log { json: false, filter: "warn".to_owned() });
        let statements = runtime()?.block_on(run::preview(&config))?;
        let ended = |sql: &String| format!("{};", sql.trim_end().trim_end_matches(';'));
        let text: Vec<String> = statements.iter().map(ended).collect();
        return finish(if text.is_empty() { Ok(()) } else { say(&text.join("\n\n")) });
    }
    start_logging(&config.log);
    let run::Applied { files, statements } = runtime()?.block_on(run::migrate(&config))?;
    let tables = match statements {
        0 => String::new(),
        _ => format!("; {} made or grew tables of the mapping", counted(statements, "statement")),
    };
    finish(say(&format!("{} applied{tables}", counted(files, "migration"))))
}

fn finish(done: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    done.map(|()| ExitCode::SUCCESS)
}

type Loaded = (Result<Config, Vec<ConfigError>>, Effective);

/// The settings, usable or not.
fn load(settings: Settings) -> Result<Loaded, Usage> {
    Ok(sources(settings).map_err(Usage)?.load())
}

fn usable(settings: Settings) -> Result<(Config, Effective), Usage> {
    let (config, effective) = load(settings)?;
    Ok((config.map_err(|faults| Usage(config_error(&faults)))?, effective))
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

fn put(bytes: &[u8]) -> anyhow::Result<()> {
    std::io::stdout().write_all(bytes).context("writing to standard output")
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
