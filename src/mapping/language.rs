//! The mapping language as a JSON Schema, by which editors complete and check a mapping file.

/// Held against what the compiler reads by the tests.
pub const JSON_SCHEMA: &str = include_str!("../../docs/mapping.schema.json");

#[cfg(test)]
mod tests;
