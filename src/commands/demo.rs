//! `sluicegate demo`: the whole way, from made-up events to queries over the tables.

mod queries;
mod server;

use super::{inspect_now, mapping, run};
use crate::clock;
use crate::config::{Config, OffsetReset};
use crate::health::Health;
use crate::mysql::{Server, close};
use crate::pipeline::{self, PipelineError, Progress, Stop};
use anyhow::{Context, anyhow};
use clap::Args;
use loadgen::kafka::Target;
use loadgen::{Generator, Message, Plan};
use rdkafka::mocking::MockCluster;
use server::PrivateServer;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tracing::info;

#[derive(Debug, Args)]
pub struct Options {
    /// How many events to generate
    #[arg(long, default_value_t = 100_000)]
    events: u64,
    /// Seed of the generator; the same seed gives the same events
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the server running, and print how to connect
    #[arg(long)]
    keep: bool,
}

/// Per topic.
const PARTITIONS: i32 = 6;
/// The in-process broker keeps 5 MB a partition, so the producer waits for the loader when it is
/// this far ahead. Of the realistic mix this is less than 2 MB in the fullest partition.
const MESSAGES_AHEAD_MAX: u64 = 20_000;
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// Shares of duplicate, late and faulty events, as in real life.
const DUPLICATES: f64 = 0.01;
const DISORDER: f64 = 0.05;
const POISON: f64 = 0.001;

/// Runs the demo with the server that `config` names, if `server_is_named`, or else with one of
/// its own.
///
/// # Errors
/// If no server can be started, or a later step fails.
pub async fn demo(
    options: Options,
    mut config: Config,
    server_is_named: bool,
) -> anyhow::Result<()> {
    let private = if server_is_named {
        say(&format!("using MySQL {}", config.server.address()))?;
        None
    } else {
        let private = tokio::task::spawn_blocking(PrivateServer::start).await??;
        say(&format!("started {} on 127.0.0.1:{}", private.program.display(), private.port))?;
        config.server = Server {
            host: "127.0.0.1".to_owned(),
            port: private.port,
            socket: None,
            user: "root".to_owned(),
            password: None,
            database: "sluicegate_demo".to_owned(),
            ..config.server
        };
        Some(private)
    };
    let migrated = super::run::migrate(&config).await;
    migrated.with_context(|| format!("migrating {}", config.server.address()))?;
    let loaded = load(&options, config.clone()).await?;
    report(&config.server, &loaded).await?;
    match private {
        Some(private) if options.keep => {
            let (port, program) = (private.port, private.program.display().to_string());
            let (directory, pid): (PathBuf, u32) = private.keep();
            say(&format!(
                "\n{program} keeps running (process {pid}). Connect with:\n  mysql -h 127.0.0.1 -P {port} -u root sluicegate_demo\nStop it with:\n  kill {pid}; rm -r {}",
                directory.display()
            ))
        }
        Some(private) => {
            tokio::task::spawn_blocking(move || drop(private)).await.map_err(Into::into)
        }
        None => say(&format!("\nThe tables are in {}", config.server.address())),
    }
}

struct Loaded {
    progress: Arc<Progress>,
    bytes: u64,
    seconds: f64,
}

async fn load(options: &Options, mut config: Config) -> anyhow::Result<Loaded> {
    let cluster = MockCluster::new(1).context("starting the in-process broker")?;
    for topic in loadgen::TOPICS {
        cluster.create_topic(topic, PARTITIONS, 1).with_context(|| format!("topic {topic}"))?;
    }
    let servers = cluster.bootstrap_servers();
    // Security settings are for a real broker; the one in this process has none.
    config.kafka.passed_on.retain(|name, _| {
        !["security.", "sasl.", "ssl."].iter().any(|prefix| name.starts_with(prefix))
    });
    config.kafka.bootstrap_servers.clone_from(&servers);
    config.kafka.reset = OffsetReset::Earliest;
    config.kafka.topics = Vec::new();
    config.kafka.topic_prefix = String::new();
    let mapping = Arc::new(mapping(&config)?);
    let fit = inspect_now(&config, &mapping).await?;
    let setup = run::setup(Arc::new(config), mapping, &fit, false, Arc::new(Health::default()));
    let progress = Arc::clone(&setup.progress);
    let stop = Stop::default();
    let started = clock::now();
    let bar = tokio::spawn(run::show_progress(Arc::clone(&progress)));
    let loading = tokio::spawn(pipeline::run(setup, stop.clone()));
    let plan = Plan {
        seed: options.seed,
        events: options.events,
        duplicates: DUPLICATES,
        disorder: DISORDER,
        poison: POISON,
        ..Plan::default()
    };
    let (done, abandoned) = (Arc::clone(&progress), stop.clone());
    let producing = tokio::task::spawn_blocking(move || produce(plan, servers, &done, &abandoned));
    let result = wait(producing, loading, &progress, stop).await;
    bar.abort();
    let bytes = result?;
    Ok(Loaded { progress, bytes, seconds: started.elapsed().as_secs_f64() })
}

/// Produces events, never too far ahead of the loader; returns their bytes.
fn produce(
    plan: Plan,
    servers: String,
    progress: &Progress,
    abandoned: &Stop,
) -> anyhow::Result<u64> {
    let target = Target { bootstrap_servers: servers, ..Target::default() };
    let total = plan.events;
    progress.expected.store(total, Ordering::Relaxed);
    let mut sent = 0_u64;
    let throttled = Generator::new(plan).take_while(|_: &Message| {
        sent += 1;
        progress.expected.store(sent.max(total), Ordering::Relaxed);
        while sent > progress.messages.load(Ordering::Relaxed) + MESSAGES_AHEAD_MAX {
            if abandoned.is_requested() {
                return false;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        true
    });
    let produced = loadgen::kafka::produce(&target, throttled, None, |_| {})?;
    progress.expected.store(produced.messages, Ordering::Relaxed);
    Ok(produced.bytes)
}

/// Waits until everything that was produced is durable.
async fn wait(
    producing: tokio::task::JoinHandle<anyhow::Result<u64>>,
    mut loading: tokio::task::JoinHandle<Result<(), PipelineError>>,
    progress: &Progress,
    stop: Stop,
) -> anyhow::Result<u64> {
    let all_durable = async {
        let bytes = producing.await??;
        while progress.messages.load(Ordering::Relaxed) < progress.expected.load(Ordering::Relaxed)
        {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok::<_, anyhow::Error>(bytes)
    };
    let bytes = tokio::select! {
        bytes = all_durable => bytes,
        ended = &mut loading => {
            stop.request();
            ended??;
            return Err(anyhow!("the pipeline stopped before everything was loaded"));
        }
        _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
        () = terminated() => Err(anyhow!("terminated")),
    };
    stop.request();
    loading.await??;
    info!("all events are durable");
    bytes
}

async fn terminated() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

async fn report(server: &Server, loaded: &Loaded) -> anyhow::Result<()> {
    let messages = loaded.progress.messages.load(Ordering::Relaxed);
    let rows = loaded.progress.rows.load(Ordering::Relaxed);
    let seconds = loaded.seconds;
    say(&format!(
        "\n{messages} events ({:.0} MB) became {rows} rows in {seconds:.1} s: {:.0} events/s, {:.0} rows/s, including the time to generate them",
        loaded.bytes as f64 / 1e6,
        messages as f64 / seconds,
        rows as f64 / seconds
    ))?;
    let dead = loaded.progress.dead_letters.load(Ordering::Relaxed);
    say(&format!("{dead} of them were faulty on purpose and are in dead_letters\n"))?;
    let mut connection = server.connect().await?;
    say(&queries::rows_per_table(&mut connection).await?)?;
    for (question, sql) in queries::QUESTIONS {
        say(&format!("\n{question}"))?;
        say(&queries::answer(&mut connection, sql).await?)?;
    }
    close(connection).await;
    Ok(())
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").context("writing to standard output")
}
