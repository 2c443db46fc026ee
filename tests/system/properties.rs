//! What holds for any events, in any order, cut in any way.

mod bytes;
mod convergence;
mod declared;
mod equal_keys;
mod errors;
mod folding;
mod limits;
mod numbers;
mod rivals;
mod verdicts;
