//! Figures: several values of each, their median and spread, as a table and as JSON; two results side by side.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde::{Deserialize, Serialize};

/// One thing that was measured, mostly once a round.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Figure {
    /// With its unit at the end.
    pub(super) name: String,
    median: f64,
    min: f64,
    max: f64,
    /// In the order in which they were measured.
    values: Vec<f64>,
}

/// All figures, in the order in which they first came.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Figures(Vec<Figure>);

/// What `--json` keeps.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Report {
    /// What it was measured with and on; see docs/benchmarks.md.
    pub(super) about: BTreeMap<String, serde_json::Value>,
    pub(super) figures: Figures,
}

impl Figures {
    pub(super) fn add(&mut self, name: &str, value: f64) {
        // What was divided by nothing says nothing.
        if !value.is_finite() {
            return;
        }
        match self.0.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => figure.values.push(value),
            None => self.0.push(Figure {
                name: name.to_owned(),
                median: value,
                min: value,
                max: value,
                values: vec![value],
            }),
        }
        if let Some(figure) = self.0.iter_mut().find(|figure| figure.name == name) {
            figure.summarize();
        }
    }

    pub(super) fn median(&self, name: &str) -> Option<f64> {
        self.find(name).map(|figure| figure.median)
    }

    fn find(&self, name: &str) -> Option<&Figure> {
        self.0.iter().find(|figure| figure.name == name)
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let mut table = new_table(["figure", "median", "min", "max"]);
        for figure in &self.0 {
            table.add_row([
                figure.name.clone(),
                number(figure.median),
                number(figure.min),
                number(figure.max),
            ]);
        }
        aligned(table)
    }
}

impl Figure {
    fn summarize(&mut self) {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        self.median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        (self.min, self.max) = (sorted[0], sorted[sorted.len() - 1]);
    }
}

impl Report {
    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    pub(super) fn read(file: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is not a result of `bench --json`", file.display()))
    }

    /// Each figure of both, by its medians, and what else differs.
    pub(super) fn compare(&self, after: &Self) -> String {
        let mut text = String::new();
        let keys = self
            .about
            .keys()
            .chain(after.about.keys().filter(|key| !self.about.contains_key(*key)));
        for key in keys {
            let (one, other) = (self.about.get(key), after.about.get(key));
            if one != other {
                let shown = |value: Option<&serde_json::Value>| {
                    value.map_or_else(|| "-".to_owned(), ToString::to_string)
                };
                text += &format!("{key}: {} -> {}\n", shown(one), shown(other));
            }
        }
        let mut table = new_table(["figure", "before", "after", "after / before"]);
        let only_after =
            after.figures.0.iter().filter(|figure| self.figures.find(&figure.name).is_none());
        for Figure { name, .. } in self.figures.0.iter().chain(only_after) {
            let (one, other) = (self.figures.median(name), after.figures.median(name));
            let ratio =
                one.zip(other).filter(|(one, _)| *one != 0.0).map(|(one, other)| other / one);
            let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), number);
            let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"));
            table.add_row([name.clone(), shown(one), shown(other), ratio]);
        }
        text + &aligned(table)
    }
}

fn new_table(header: [&str; 4]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

fn aligned(mut table: Table) -> String {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// Three digits that matter, or all before the point.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        size if size < 1.0 => 3,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(values: &[(&str, f64)]) -> Figures {
        let mut figures = Figures::default();
        values.iter().for_each(|(name, value)| figures.add(name, *value));
        figures
    }

    #[test]
    fn medians_and_spread() {
        let figures =
            figures(&[("odd", 3.0), ("even", 1.0), ("odd", 1.0), ("even", 2.0), ("odd", 2.0)]);
        assert_eq!(figures.median("odd"), Some(2.0));
        assert_eq!(figures.median("even"), Some(1.5));
        assert_eq!(figures.median("none"), None);
        let odd = figures.find("odd").unwrap();
        assert_eq!(
            (odd.min, odd.max, odd.values.as_slice()),
            (1.0, 3.0, [3.0, 1.0, 2.0].as_slice())
        );
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        assert_eq!(figures(&[("ratio", f64::NAN), ("other", f64::INFINITY)]), Figures::default());
    }

    #[test]
    fn two_results_side_by_side() {
        let report = |events: u64, values: &[(&str, f64)]| Report {
            about: BTreeMap::from([("events".to_owned(), events.into())]),
            figures: figures(values),
        };
        let before = report(10, &[("rows_per_second", 200.0), ("old", 1.0)]);
        let text = before.compare(&report(20, &[("rows_per_second", 250.0), ("new", 0.5)]));
        assert!(text.starts_with("events: 10 -> 20\n"), "{text}");
        let line = |name: &str| {
            let line = text.lines().find(|line| line.trim().starts_with(name)).unwrap();
            line.split_whitespace().skip(1).collect::<Vec<_>>()
        };
        assert_eq!(line("rows_per_second"), ["200", "250", "1.250"]);
        assert_eq!(line("old"), ["1.00", "-", "-"]);
        assert_eq!(line("new"), ["-", "0.500", "-"]);
    }

    #[test]
    fn a_report_survives_its_file() {
        let report = Report { about: BTreeMap::new(), figures: figures(&[("a", 1.5), ("a", 2.5)]) };
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("report.json");
        report.write(&file).unwrap();
        assert_eq!(Report::read(&file).unwrap().figures, report.figures);
        fs::write(&file, "{}").unwrap();
        assert!(Report::read(&file).is_err());
    }
}
