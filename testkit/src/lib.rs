//! What the tests share. Each test has a world of its own on servers that all of them use; it starts
//! instances of the program there, and holds their tables against the reference fold.
//!
//! ```text
//! servers ─▶ world ─▶ instance ─▶ tables ═ fold
//! ```
//!
//! The modules, in the order in which a test meets them:
//!
//! * [`servers`] – MySQL, MariaDB and Kafka of the run, and servers of a test's own;
//! * [`world`] – a database, topics and settings of a test's own;
//! * [`kafka`] – topics that change, and the offsets of the world's consumer group;
//! * [`instance`] – a running `sluicegate`, its log and its HTTP port;
//! * [`net`] – free ports, and plain HTTP; [`metrics`] – what `/metrics` says;
//! * [`forwarder`] – one address behind which the server can change;
//! * [`wait`] – waits for a condition, never for a time;
//! * [`tables`] – what a table holds, as values; [`backup`] – what a database held, to be put back;
//! * [`fold`] – the tables and verdicts that messages must give;
//! * [`invented`] – mapping files and messages that chance makes;
//! * [`fuzz`] – what holds for any bytes;
//! * [`choices`] – what a user makes of the TODOs of a mapping file;
//! * [`chance`] – chance with a seed; [`environment`] – what a run is told by variables.

#![allow(
    clippy::disallowed_methods,
    reason = "tests take time and find their servers in variables"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says so by panicking"
)]

pub mod backup;
pub mod chance;
pub mod choices;
pub mod environment;
pub mod fold;
pub mod forwarder;
pub mod fuzz;
pub mod instance;
pub mod invented;
pub mod kafka;
pub mod net;
pub mod servers;
pub mod tables;
pub mod wait;
pub mod world;

pub use backup::Backup;
pub use chance::Chance;
pub use fold::Row;
pub use forwarder::Forwarder;
pub use instance::Instance;
pub use loadgen::metrics;
pub use loadgen::metrics::Metrics;
pub use net::{free_port, get};
pub use servers::{OwnServer, Server, unique};
pub use wait::{DEADLINE, until, until_within, wait_for};
pub use world::World;

/// Makes two tests of each function that takes a [`Server`]: `name::mysql` and `name::mariadb`.
///
/// ```text
/// use testkit::{Server, World};
///
/// async fn migrates(server: Server) {
///     let Some(world) = World::new(server) else { return };
///     world.succeed(&["migrate"]);
///     world.end().await;
/// }
///
/// testkit::on_both_servers!(migrates);
/// ```
#[macro_export]
macro_rules! on_both_servers {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn mysql() {
                super::$name($crate::Server::MySql).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn mariadb() {
                super::$name($crate::Server::MariaDb).await;
            }
        }
    )+};
}
