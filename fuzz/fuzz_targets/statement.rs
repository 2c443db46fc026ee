//! Any bytes as values of a statement. If `SLUICEGATE_FUZZ_SERVER` (a URL) is set, that server reads
//! them back, too.
#![no_main]

use sqlx::{Connection, MySqlConnection};
use std::cell::RefCell;
use testkit::fuzz;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static SERVER: RefCell<Option<(Runtime, MySqlConnection)>> = RefCell::new(connect());
}

fn connect() -> Option<(Runtime, MySqlConnection)> {
    let url = std::env::var("SLUICEGATE_FUZZ_SERVER").ok()?;
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let connection = runtime.block_on(MySqlConnection::connect(&url)).unwrap();
    Some((runtime, connection))
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let written = fuzz::statement(bytes);
    SERVER.with_borrow_mut(|server| {
        if let Some((runtime, connection)) = server {
            runtime.block_on(fuzz::read_back(connection, &written));
        }
    });
});
