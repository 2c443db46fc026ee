//! Any bytes as a mapping file, or as choices of one.
#![no_main]

use testkit::fuzz::declared;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| declared::mapping(bytes));
