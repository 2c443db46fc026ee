//! Events of any shape, by mapping files with an `[envelope]`.

mod pairs;
