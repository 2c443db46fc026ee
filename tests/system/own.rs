//! Events of any shape, by mapping files with an `[envelope]`.

mod faulty;
mod growth;
mod pairs;
