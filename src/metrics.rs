//! Every metric: declared once in [`catalog`], counted by the stage that it is about.

pub mod catalog;
