//! Unique keys and ids.

use super::{Fault, REFUSED, WARNED, check, findings, migrated};
use testkit::Server;

testkit::on_both_servers!(
    unique_keys_that_let_events_meet,
    keys_that_let_dead_letters_meet,
    unique_keys_without_harm,
    ids_that_are_narrow_or_nearly_used_up,
    ids_that_are_not_whole_numbers,
);

async fn unique_keys_that_let_events_meet(server: Server) {
    check(server, &[
        Fault {
            by: &["ALTER TABLE users DROP INDEX uq_users, ADD UNIQUE KEY uq_users (user_id(8))"],
            says: &[
                "users: has no unique key uq_users over the whole columns (user_id)",
                "uq_users over (user_id(8)) compares only part of the values and lets rows of different events collide",
            ],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE user_logins DROP INDEX uq_user_logins, ADD UNIQUE KEY mine (event_timestamp, event_id(8))"],
            says: &["user_logins: has no unique key", "mine over (event_timestamp, event_id(8))"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE posts ADD UNIQUE KEY mine ((CAST(author_id AS CHAR(3))))"],
            only: Some(Server::MySql),
            says: &["posts: the unique key mine over (an expression)"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE orders ALTER INDEX uq_orders INVISIBLE"],
            only: Some(Server::MySql),
            says: &["orders: its unique key uq_orders is hidden"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE orders ALTER INDEX uq_orders IGNORED"],
            only: Some(Server::MariaDb),
            says: &["orders: its unique key uq_orders is hidden"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE order_items DROP INDEX uq_order_items, ADD UNIQUE KEY uq_order_items (line_no, order_id)"],
            says: &["order_items: has no unique key uq_order_items over the whole columns (order_id, line_no), in this order"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE posts ADD UNIQUE KEY mine (author_id)"],
            says: &["posts: the unique key mine over (author_id) lets rows of different events collide"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE products DROP COLUMN id, ADD PRIMARY KEY (event_id)", "ALTER TABLE products MODIFY event_id VARCHAR(50) COLLATE ascii_bin NOT NULL"],
            says: &["products: the unique key PRIMARY over (event_id)", "products.event_id: is NOT NULL"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE users MODIFY user_id VARCHAR(50) COLLATE ascii_bin NULL COMMENT 'mine'"],
            says: &["users.user_id: allows NULL, but is part of the key"],
            ..REFUSED
        },
    ])
    .await;
}

async fn keys_that_let_dead_letters_meet(server: Server) {
    check(server, &[
        Fault {
            by: &["ALTER TABLE dead_letters DROP INDEX uq_dead_letters, ADD UNIQUE KEY mine (topic(9), kafka_partition, kafka_offset)"],
            says: &["dead_letters: has no unique key", "mine over (topic(9), kafka_partition, kafka_offset)"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE dead_letters DROP INDEX uq_dead_letters, ADD UNIQUE KEY uq_dead_letters (topic, kafka_partition, kafka_offset)"],
            says: &["dead_letters: has no unique key", "the unique key uq_dead_letters over (topic, kafka_partition, kafka_offset) lets rows of different events collide"],
            ..REFUSED
        },
    ])
    .await;
}

/// Keys under which no two events meet are left alone.
async fn unique_keys_without_harm(server: Server) {
    let Some(world) = migrated(server).await else { return };
    world.execute_sql([
                "ALTER TABLE user_logins DROP PRIMARY KEY, ADD PRIMARY KEY (id, event_timestamp)",
                "ALTER TABLE user_events ADD UNIQUE KEY more (event_id, event_timestamp, user_id)",
                "ALTER TABLE users DROP PRIMARY KEY, DROP COLUMN id, DROP INDEX uq_users, ADD PRIMARY KEY (user_id)",
                "ALTER TABLE orders DROP PRIMARY KEY, DROP COLUMN id, DROP INDEX uq_orders, ADD PRIMARY KEY (order_id)",
                "ALTER TABLE order_items RENAME INDEX uq_order_items TO mine",
            ],
        )
        .await;
    assert_eq!(findings(&world), (Some(0), vec![]), "{}", server.name());
    world.end().await;
}

async fn ids_that_are_narrow_or_nearly_used_up(server: Server) {
    check(server, &[
        Fault {
            by: &["ALTER TABLE users MODIFY id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'mine', AUTO_INCREMENT = 4294967293"],
            says: &["users.id: is AUTO_INCREMENT int", "with 3 numbers left of 4294967295", "COMMENT 'mine'"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE orders MODIFY id SMALLINT NOT NULL AUTO_INCREMENT"],
            says: &["orders.id: is AUTO_INCREMENT smallint"],
            ..REFUSED
        },
        Fault {
            by: &["ALTER TABLE orders MODIFY id INT NOT NULL AUTO_INCREMENT"],
            says: &["orders.id: is AUTO_INCREMENT int"],
            ..WARNED
        },
        Fault {
            by: &["ALTER TABLE dead_letters MODIFY id BIGINT NOT NULL AUTO_INCREMENT, AUTO_INCREMENT = 9223372036854775000"],
            says: &["dead_letters.id: is AUTO_INCREMENT bigint"],
            ..REFUSED
        },
    ])
    .await;
}

async fn ids_that_are_not_whole_numbers(server: Server) {
    check(
        server,
        &[Fault {
            by: &["ALTER TABLE users MODIFY id FLOAT NOT NULL AUTO_INCREMENT"],
            only: Some(Server::MariaDb),
            says: &["users.id: is AUTO_INCREMENT float"],
            ..WARNED
        }],
    )
    .await;
}
