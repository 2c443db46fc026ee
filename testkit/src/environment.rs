//! What a run is told by environment variables, such as `SLUICEGATE_SIM_RUNS=20000`.

/// What a variable says; one that is empty says nothing.
pub fn text(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|text| !text.is_empty())
}

/// The number in a variable.
pub fn number(variable: &str) -> Option<u64> {
    let text = text(variable)?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}
