//! Views of living rows: of the rows of an entity that are not deleted.
//!
//! A view shows the key, the columns of the mapping and `event_timestamp`; not the deleted flag, which it
//! makes useless, nor the other versions, which mean nothing to a reader. It is made with the rights of
//! those who read it (`SQL SECURITY INVOKER`): it shows no row and no column to an account that may not
//! read the table, and it keeps working when the account that made it is gone.
//!
//! A row of which only changes have come so far is not deleted, and neither is one from before the column:
//! both have NULL there. `COALESCE` says that in words that both servers give back as they are.
//!
//! Nothing marks a view as ours but its text, so a view with another one stays as it is until a person
//! replaces it.

use super::live::{LiveSchema, LiveView};
use super::{Mismatch, quoted, quoted_list};
use crate::mapping::{Mapping, Table};

/// What does not fit, given the mismatches of the tables.
pub(super) fn check(mapping: &Mapping, live: &LiveSchema, known: &[Mismatch]) -> Vec<Mismatch> {
    let of_table = |table| {
        let wanted = WantedView::of(table)?;
        let mismatch = wanted.check(live.views.get(wanted.name))?;
        // A column that only a person can add cannot be in a view yet.
        let is_stuck = |known: &Mismatch| known.is_refused() && !known.is_growth;
        let is_stuck = known.iter().any(|known| known.is_of(&table.name) && is_stuck(known));
        let is_growth = mismatch.is_growth && !is_stuck;
        Some(mismatch.growing(is_growth))
    };
    mapping.tables.iter().filter_map(of_table).collect()
}

struct WantedView<'m> {
    name: &'m str,
    table: &'m str,
    /// The column that says whether a row is deleted.
    deleted: &'m str,
    columns: Vec<&'m str>,
}

impl<'m> WantedView<'m> {
    fn of(table: &'m Table) -> Option<Self> {
        let deleted = table.deleted()?.column;
        let is_version = |column: usize| {
            let of_change = table.changing().iter().any(|c| [c.at, c.by].contains(&column));
            of_change || column == table.event_id()
        };
        let shown = |&column: &usize| column != deleted && !is_version(column);
        let name = |column: usize| table.columns[column].name.as_str();
        Some(Self {
            name: table.living_view()?,
            table: &table.name,
            deleted: name(deleted),
            columns: (0..table.columns.len()).filter(shown).map(name).collect(),
        })
    }

    fn check(&self, live: Option<&LiveView>) -> Option<Mismatch> {
        let table = self.table;
        let Some(live) = live else {
            let problem = format!(
                "the view of the living rows of {table} does not exist (`sluicegate migrate` creates it)"
            );
            let create = self.sql("CREATE", &self.columns);
            return Some(self.mismatch(problem, Some(create)).growing(true));
        };
        let Some(definition) = &live.definition else {
            let problem = format!(
                "is a table, so the view of the living rows of {table} cannot have this name; give living_view another one"
            );
            return Some(self.mismatch(problem, None));
        };
        let has = |names: &[String], name: &str| names.iter().any(|n| n.eq_ignore_ascii_case(name));
        let lacks = self.columns.iter().copied().filter(|name| !has(&live.columns, name));
        let lacks: Vec<&str> = lacks.collect();
        let is_wanted = |name: &&str| self.columns.iter().any(|own| own.eq_ignore_ascii_case(name));
        let known: Vec<&str> = live.columns.iter().map(String::as_str).collect();
        let further: Vec<&str> = known.iter().copied().filter(|name| !is_wanted(name)).collect();
        // New columns come last, so that readers by position find the others where they were.
        let grown = [&known[..], &lacks].concat();
        let replace = |columns: &[&str]| Some(self.sql("CREATE OR REPLACE", columns));
        match (self.is_own(live, definition), lacks.as_slice(), further.as_slice()) {
            (Some(true), [], []) => None,
            // The account may not see its text.
            (None, [], []) => None,
            (Some(true), lacks, []) => {
                let problem = format!(
                    "lacks {} (`sluicegate migrate` adds it)",
                    quoted_list(lacks.iter().copied())
                );
                Some(self.mismatch(problem, replace(&grown)).growing(true))
            }
            (Some(true), ..) => {
                let problem = format!(
                    "shows {}, which the mapping has no longer; stays as it is, since its readers may need that",
                    quoted_list(further.iter().copied())
                );
                Some(self.mismatch(problem, replace(&self.columns)))
            }
            (Some(false), ..) => {
                let problem = format!(
                    "is another view than that of the living rows of {table}, so sluicegate leaves it as it is; replace it, or give living_view another name"
                );
                Some(self.mismatch(problem, replace(&self.columns)))
            }
            (None, ..) => {
                let problem = format!(
                    "has other columns than the view of the living rows of {table}, and the account may not see its text, so sluicegate leaves it as it is; grant SHOW VIEW, or replace it"
                );
                Some(self.mismatch(problem, replace(&self.columns)))
            }
        }
    }

    /// No row depends on a view, so it stops no start.
    fn mismatch(&self, problem: String, fix: Option<String>) -> Mismatch {
        Mismatch::warning(self.name, problem, fix)
    }

    fn sql(&self, create: &str, columns: &[&str]) -> String {
        let columns = quoted_list(columns.iter().copied());
        let (name, table, deleted) = (quoted(self.name), quoted(self.table), quoted(self.deleted));
        format!(
            "{create} SQL SECURITY INVOKER VIEW {name} AS SELECT {columns} FROM {table} WHERE COALESCE({deleted}, 0) = 0"
        )
    }

    /// Whether it is the text of a view of ours, with whatever columns. `None`: it is hidden.
    fn is_own(&self, live: &LiveView, definition: &str) -> Option<bool> {
        if definition.is_empty() {
            return None;
        }
        let plain = |text: &str| text.replace(['`', '(', ')'], "").to_ascii_lowercase();
        let text = plain(&definition.replace(&format!("{}.", quoted(self.table)), ""));
        let columns: Vec<String> = live.columns.iter().map(|c| format!("{c} AS {c}")).collect();
        let own = format!(
            "select {} from {} where coalesce{},0 = 0",
            columns.join(","),
            self.table,
            self.deleted
        );
        Some(live.is_invoker && text.trim() == own.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted<'m>(columns: &[&'m str]) -> WantedView<'m> {
        let columns = columns.to_vec();
        WantedView { name: "living", table: "people", deleted: "gone", columns }
    }

    fn live(columns: &[&str], definition: &str) -> LiveView {
        LiveView {
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            definition: Some(definition.to_owned()),
            is_invoker: true,
        }
    }

    const MYSQL: &str = "select `people`.`id` AS `id`,`people`.`name` AS `name` from `people` where (coalesce(`people`.`gone`,0) = 0)";
    const MARIADB: &str = "select `people`.`id` AS `id`,`people`.`name` AS `name` from `people` where coalesce(`people`.`gone`,0) = 0";

    #[test]
    fn a_view_of_ours_grows_and_no_other_is_touched() {
        for text in [MYSQL, MARIADB] {
            let ours = live(&["id", "name"], text);
            assert_eq!(wanted(&["id", "name"]).check(Some(&ours)), None);
            assert_eq!(wanted(&["name", "id"]).check(Some(&ours)), None, "the order is kept");
            let grown = wanted(&["id", "age", "name"]).check(Some(&ours)).unwrap();
            assert!(grown.is_growth);
            let sql = grown.fix.unwrap();
            assert!(
                sql.starts_with("CREATE OR REPLACE SQL SECURITY INVOKER VIEW `living`"),
                "{sql}"
            );
            assert!(sql.contains("SELECT `id`, `name`, `age` FROM"), "{sql}");
            let shrunk = wanted(&["id"]).check(Some(&ours)).unwrap();
            assert!(!shrunk.is_growth && shrunk.problem.contains("shows `name`"), "{shrunk}");
            let as_definer = LiveView { is_invoker: false, ..ours.clone() };
            let other = live(&["id", "name"], &text.replace("gone", "away"));
            for strange in [as_definer, other] {
                let said = wanted(&["id", "name"]).check(Some(&strange)).unwrap();
                assert!(!said.is_growth && said.problem.contains("another view"), "{said}");
            }
        }
    }

    #[test]
    fn a_hidden_text_is_trusted_only_with_the_same_columns() {
        let hidden = live(&["id", "name"], "");
        assert_eq!(wanted(&["id", "name"]).check(Some(&hidden)), None);
        let said = wanted(&["id", "age"]).check(Some(&hidden)).unwrap();
        assert!(!said.is_growth && said.problem.contains("grant SHOW VIEW"), "{said}");
        let table = LiveView { definition: None, ..hidden };
        let said = wanted(&["id", "name"]).check(Some(&table)).unwrap();
        assert!(said.fix.is_none() && said.problem.contains("is a table"), "{said}");
    }
}
