//! Any bytes as a message of any topic.
#![no_main]

use testkit::fuzz;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::load(bytes));
