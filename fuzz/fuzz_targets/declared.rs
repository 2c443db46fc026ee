//! Any bytes as choices of a mapping file and of messages for it.
#![no_main]

use testkit::fuzz::declared;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| declared::declared(bytes));
