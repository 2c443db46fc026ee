//! The dashboard in `deploy/grafana`: its expressions, and a picture of what they give.
//!
//! The picture is not Grafana's; it shows that each panel has something to show, and what.

use crate::read;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const FILE: &str = "deploy/grafana/dashboards/sluicegate.json";
/// For `$__rate_interval`, at a scrape a second.
const RATE_INTERVAL: &str = "20s";
/// Of a panel, in units of its chart.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 100.0;
/// More would say nothing.
const LEGENDS_MAX: usize = 12;
const COLOURS: [&str; 8] =
    ["#0b6bcb", "#a8480a", "#176b3a", "#b3261e", "#6b3fa0", "#8a6d00", "#0a7f86", "#5b6169"];

/// What a panel asks for.
pub(crate) struct Query {
    pub(crate) expression: String,
    legend: String,
}

/// A panel, or the title of a row of them.
pub(crate) struct Panel {
    title: String,
    kind: String,
    columns: u64,
    pub(crate) queries: Vec<Query>,
}

/// All panels, with something in place of Grafana's variables.
pub(crate) fn panels() -> Vec<Panel> {
    let dashboard: Value = serde_json::from_str(&read(FILE)).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let query = |target: &Value| Query {
        expression: text(&target["expr"])
            .replace("$__rate_interval", RATE_INTERVAL)
            .replace("$instance", ".+")
            .replace("$topic", ".+")
            .replace("$table", ".+"),
        legend: text(&target["legendFormat"]),
    };
    let panel = |panel: &Value| Panel {
        title: text(&panel["title"]),
        kind: text(&panel["type"]),
        columns: panel["gridPos"]["w"].as_u64().unwrap(),
        queries: panel["targets"].as_array().into_iter().flatten().map(query).collect(),
    };
    dashboard["panels"].as_array().unwrap().iter().map(panel).collect()
}

/// What the dashboard's variables are taken from, as expressions.
pub(crate) fn variables() -> BTreeSet<String> {
    let dashboard: Value = serde_json::from_str(&read(FILE)).unwrap();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let queries = variables.iter().filter_map(|variable| variable["query"]["query"].as_str());
    let expression = |query: &str| {
        let inside = query.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap();
        let (metric, label) = inside.split_once(", ").unwrap();
        format!("{metric}{{{label}!=\"\"}}")
    };
    queries.map(expression).collect()
}

/// A page with a chart a panel. `range` gives the series of an expression over the run: their
/// labels and values.
pub(crate) fn page(panels: &[Panel], range: impl Fn(&str) -> Vec<Value>) -> String {
    let mut page = String::from(
        "<!doctype html><meta charset=utf-8><style>body{font:13px sans-serif;margin:12px;display:grid;\
         grid-template-columns:repeat(24,1fr);gap:8px}section{border:1px solid #dcdfe3;padding:6px;min-width:0}\
         h1{font-size:16px;grid-column:span 24;margin:8px 0 0}h2{font-size:13px;margin:0}svg{width:100%;height:110px}\
         b{font-size:22px}i{font-style:normal;margin-right:8px}</style>",
    );
    for panel in panels {
        if panel.kind == "row" {
            let _ = write!(page, "<h1>{}</h1>", panel.title);
            continue;
        }
        let _ = write!(
            page,
            "<section style='grid-column:span {}'><h2>{}</h2>",
            panel.columns, panel.title
        );
        let series: Vec<(String, Vec<(f64, f64)>)> = panel
            .queries
            .iter()
            .flat_map(|query| {
                range(&query.expression)
                    .into_iter()
                    .map(|one| (legend(&query.legend, &one), points(&one)))
            })
            .collect();
        if panel.kind == "stat" {
            let last = series.first().and_then(|(_, points)| points.last());
            let _ =
                write!(page, "<b>{}</b>", last.map_or("–".to_owned(), |(_, value)| short(*value)));
        } else {
            page.push_str(&chart(&series));
        }
        page.push_str("</section>");
    }
    page
}

fn legend(format: &str, series: &Value) -> String {
    let mut text = format.to_owned();
    for (name, value) in series["metric"].as_object().into_iter().flatten() {
        text = text.replace(&format!("{{{{{name}}}}}"), value.as_str().unwrap_or_default());
    }
    text
}

fn points(series: &Value) -> Vec<(f64, f64)> {
    let number =
        |value: &Value| value.as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
    let points = series["values"].as_array().into_iter().flatten();
    points
        .map(|point| (point[0].as_f64().unwrap(), number(&point[1])))
        .filter(|(_, value)| value.is_finite())
        .collect()
}

fn chart(series: &[(String, Vec<(f64, f64)>)]) -> String {
    let all = || series.iter().flat_map(|(_, points)| points);
    let most = all().map(|(_, value)| *value).fold(0.0, f64::max);
    let first = all().map(|(at, _)| *at).fold(f64::INFINITY, f64::min);
    let last = all().map(|(at, _)| *at).fold(0.0, f64::max);
    let mut text = format!(
        "{} at most<svg viewBox='0 0 {WIDTH} {HEIGHT}' preserveAspectRatio=none>",
        short(most)
    );
    let mut legends = String::new();
    for (index, ((legend, points), colour)) in series.iter().zip(COLOURS.iter().cycle()).enumerate()
    {
        let line: Vec<String> = points
            .iter()
            .map(|(at, value)| {
                let x = WIDTH * (at - first) / (last - first).max(1.0);
                format!("{x:.1},{:.1}", HEIGHT * (1.0 - value / most.max(1e-9)))
            })
            .collect();
        let line = line.join(" ");
        let _ = write!(text, "<polyline fill=none stroke='{colour}' points='{line}'/>");
        if index < LEGENDS_MAX {
            let _ = write!(legends, "<i style='color:{colour}'>{legend}</i> ");
        }
    }
    format!("{text}</svg>{legends}")
}

fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.1} M", v / 1e6),
        v if v >= 1e4 => format!("{:.0} k", v / 1e3),
        v if v >= 10.0 => format!("{v:.0}"),
        v => format!("{v:.3}"),
    }
}
