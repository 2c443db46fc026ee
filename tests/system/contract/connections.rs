//! The ways to the server: TLS modes, certificates, Unix socket, password file.

use sqlx::{Executor, Row};
use std::path::PathBuf;
use testkit::servers::directory_of;
use testkit::{Server, World};

testkit::on_both_servers!(tls_from_disabled_to_verified, a_unix_socket_and_a_password_file);

async fn tls_from_disabled_to_verified(server: Server) {
    let (Some(mut world), Some(directory)) = (World::new(server), directory_of(server.name()))
    else {
        return;
    };
    let ca = directory.join("ca.pem");
    world.set("mysql.tls_ca", ca.display());
    for mode in ["disabled", "preferred", "required", "verify-ca"] {
        world.settings.truncate(1);
        world.set("mysql.tls_mode", mode);
        world.succeed(&["migrate"]);
    }
    // The certificate is not made out to this address, or not signed by that authority.
    world.settings.truncate(1);
    world.set("mysql.tls_mode", "verify-identity").set("mysql.host", "localhost.localdomain");
    let output = world.execute(&["migrate"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    world.settings.clear();
    world.set("mysql.tls_mode", "verify-ca").set("mysql.tls_ca", "/nowhere/ca.pem");
    let output = world.execute(&["migrate"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("mysql.tls_ca: cannot be read"), "{said}");
    world.settings.clear();
    world.end().await;
}

async fn a_unix_socket_and_a_password_file(server: Server) {
    let Some(mut world) = World::new(server) else { return };
    let row = world
        .admin()
        .await
        .fetch_one("SELECT CAST(@@socket AS CHAR), CAST(@@datadir AS CHAR)")
        .await
        .unwrap();
    let socket: String = row.get(0);
    let socket = if PathBuf::from(&socket).exists() {
        PathBuf::from(socket)
    } else {
        // Its path as the server sees it; for us it lies in the run's directory.
        let Some(directory) = directory_of(server.name()) else { return };
        directory.join("socket")
    };
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "sluicegate\n").unwrap();
    world
        .set("mysql.socket", socket.display())
        .set("mysql.password", "")
        .set("mysql.password_file", secret.path().display());
    // The server does not remember the login.
    world.admin().await.execute("FLUSH PRIVILEGES").await.unwrap();
    world.succeed(&["migrate"]);
    world.end().await;
}

/// A server restart empties the cache that lets an account in without a full exchange; without TLS
/// that exchange needs RSA.
#[tokio::test]
async fn a_cold_password_cache_without_tls() {
    let Some(mut world) = World::new(Server::MySql) else { return };
    world.admin().await.execute("FLUSH PRIVILEGES").await.unwrap();
    world.set("mysql.tls_mode", "disabled");
    world.succeed(&["migrate"]);
    world.end().await;
}
