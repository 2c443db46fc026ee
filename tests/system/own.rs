//! Events of any shape, by mapping files with an `[envelope]`.

mod deletes;
mod faulty;
mod growth;
mod infer;
mod pairs;
mod purge;
mod seen;
mod trial;
mod types;
mod views;
