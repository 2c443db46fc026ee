//! The rows of each table, column by column: a struct of arrays, no object per row.
//!
//! Takes rows as flatten appends them, gives a sealed [`Batch`]. Holds true: a batch owns the
//! offset ranges of exactly the messages whose rows and dead letters it holds; an entity has one
//! row. Absent: IO, SQL, JSON and the clock.

mod batch;
pub mod column;
mod fold;
mod limits;
mod rows;

pub use batch::{Batch, Sample};
pub use column::{CELL_BYTES, Column, NULL};
pub use limits::{Limits, SealReason};
pub use rows::Rows;
