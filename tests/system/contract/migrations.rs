//! Instances that migrate one database at once, with and without a lock between them.

use sluicegate::migrate::{migrate, migrate_without_lock};
use sqlx::{Executor, Row};
use testkit::{Server, World};

testkit::on_both_servers!(
    instances_without_a_lock_between_them_all_end_well,
    a_migration_that_was_interrupted_is_repeated
);

const INSTANCES: usize = 8;
/// Each is a race of its own.
const ROUNDS: usize = 5;

/// `GET_LOCK` is local to a node: instances on two nodes of a cluster have nothing between them.
async fn instances_without_a_lock_between_them_all_end_well(server: Server) {
    for _ in 0..ROUNDS {
        let Some(world) = World::new(server) else { return };
        world.product_server().create_database().await.unwrap();
        let tasks: Vec<_> = (0..INSTANCES)
            .map(|_| {
                let product = world.product_server();
                tokio::spawn(async move { migrate_without_lock(&product).await })
            })
            .collect();
        let mut applied = 0;
        for task in tasks {
            applied += task.await.unwrap().unwrap();
        }
        let mut connection = world.connect().await;
        let notes =
            "SELECT CAST(COUNT(*) AS SIGNED), CAST(SUM(success) AS SIGNED) FROM _sqlx_migrations";
        let row = connection.fetch_one(notes).await.unwrap();
        let (noted, successful): (i64, i64) = (row.get(0), row.get(1));
        assert_eq!(noted, successful, "{}", server.name());
        assert_eq!(usize::try_from(noted).unwrap(), applied, "each counts once");
        world.end().await;
    }
}

/// What a version before this one left half done is done again; what is noted is left alone.
async fn a_migration_that_was_interrupted_is_repeated(server: Server) {
    let Some(world) = World::new(server) else { return };
    let product = world.product_server();
    let all = migrate(&product).await.unwrap();
    assert!(all > 0);
    let mut connection = world.connect().await;
    connection.execute("UPDATE _sqlx_migrations SET success = 0 WHERE version = 3").await.unwrap();
    connection.execute("DROP TABLE order_items").await.unwrap();
    assert_eq!(migrate(&product).await.unwrap(), 1);
    assert_eq!(migrate(&product).await.unwrap(), 0);
    connection.execute("SELECT 1 FROM order_items").await.unwrap();
    connection
        .execute("UPDATE _sqlx_migrations SET checksum = 'other' WHERE version = 3")
        .await
        .unwrap();
    let error = migrate(&product).await.unwrap_err().to_string();
    assert!(error.contains("migration 3 was applied by"), "{error}");
    world.end().await;
}
