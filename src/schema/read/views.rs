//! The views of living rows, as far as they exist.

use super::{flag, text};
use crate::mapping::{Mapping, Table};
use crate::schema::LiveView;
use crate::schema::quoted;
use sqlx::mysql::MySqlConnection;
use sqlx::{Executor, Row};
use std::collections::BTreeMap;

/// Whatever has the name of such a view. A mapping without one costs no query.
pub(super) async fn views(
    connection: &mut MySqlConnection,
    mapping: &Mapping,
) -> Result<BTreeMap<String, LiveView>, sqlx::Error> {
    let mut views: BTreeMap<String, LiveView> = BTreeMap::new();
    let wanted: Vec<&str> = mapping.tables.iter().filter_map(Table::living_view).collect();
    if wanted.is_empty() {
        return Ok(views);
    }
    let columns = connection
        .fetch_all(
            "SELECT CAST(TABLE_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR) \
             FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() \
             ORDER BY TABLE_NAME, ORDINAL_POSITION",
        )
        .await?;
    for row in columns {
        let name = text(&row, 0)?;
        if wanted.contains(&name.as_str()) {
            views.entry(name).or_default().columns.push(text(&row, 1)?);
        }
    }
    let definitions = connection
        .fetch_all(
            "SELECT CAST(TABLE_NAME AS CHAR), CAST(VIEW_DEFINITION AS CHAR), \
             SECURITY_TYPE = 'INVOKER', CAST(DATABASE() AS CHAR) \
             FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()",
        )
        .await?;
    for row in definitions {
        let database: String = row.try_get(3)?;
        if let Some(view) = views.get_mut(&text(&row, 0)?) {
            let of_database = format!("{}.", quoted(&database));
            view.definition = Some(text(&row, 1)?.replace(&of_database, ""));
            view.is_invoker = flag(&row, 2)?;
        }
    }
    Ok(views)
}
