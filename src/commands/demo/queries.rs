//! Questions that a user would ask, and their SQL.

use comfy_table::{Table, presets};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Column, Executor, Row};

/// A question and its SQL, one per domain. Every column is text.
pub(super) const QUESTIONS: [(&str, &str); 7] = [
    (
        "Orders: how much was ordered, by status?",
        "SELECT status, CAST(COUNT(*) AS CHAR) AS orders,
                CAST(ROUND(SUM(total_cents) / 100) AS CHAR) AS total, MAX(currency) AS currency
         FROM orders WHERE event_id IS NOT NULL GROUP BY status ORDER BY COUNT(*) DESC",
    ),
    (
        "Order lines: which products sell best?",
        "SELECT LEFT(MAX(product_name), 40) AS product, CAST(SUM(quantity) AS CHAR) AS units,
                CAST(COUNT(DISTINCT order_id) AS CHAR) AS orders
         FROM order_items GROUP BY product_id ORDER BY SUM(quantity) DESC LIMIT 3",
    ),
    (
        "Users: who logs in, by role?",
        "SELECT u.role, CAST(COUNT(*) AS CHAR) AS logins,
                CAST(COUNT(DISTINCT l.user_id) AS CHAR) AS users
         FROM user_logins AS l JOIN users AS u ON u.user_id = l.user_id
         GROUP BY u.role ORDER BY COUNT(*) DESC",
    ),
    (
        "Communities: which are largest, and who owns them?",
        "SELECT LEFT(name, 40) AS name, LEFT(owner_name, 20) AS owner, CAST(member_count AS CHAR) AS members
         FROM communities WHERE status = 'active' ORDER BY communities.member_count DESC LIMIT 3",
    ),
    (
        "Promotions: how many have which status?",
        "SELECT status, CAST(COUNT(*) AS CHAR) AS promotions,
                CAST(COUNT(DISTINCT supplier_id) AS CHAR) AS suppliers
         FROM promotions GROUP BY status ORDER BY COUNT(*) DESC LIMIT 5",
    ),
    (
        "Products and suppliers: which industries offer the most?",
        "SELECT s.industry_category AS industry, CAST(COUNT(*) AS CHAR) AS products,
                CAST(ROUND(AVG(p.base_price_cents) / 100, 2) AS CHAR) AS mean_price
         FROM products AS p JOIN suppliers AS s ON s.supplier_id = CONVERT(p.supplier_id USING ascii)
         GROUP BY s.industry_category ORDER BY COUNT(*) DESC LIMIT 3",
    ),
    (
        "Posts: how many of each kind were taken down?",
        "SELECT post_type, CAST(COUNT(*) AS CHAR) AS posts,
                CAST(SUM(status IN ('deleted', 'hidden')) AS CHAR) AS taken_down
         FROM posts WHERE event_id IS NOT NULL GROUP BY post_type ORDER BY COUNT(*) DESC LIMIT 5",
    ),
];

/// The answer as a table.
pub(super) async fn answer(
    connection: &mut MySqlConnection,
    sql: &'static str,
) -> anyhow::Result<String> {
    let rows = connection.fetch_all(sql).await?;
    let Some(first) = rows.first() else { return Ok("(nothing)".to_owned()) };
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(first.columns().iter().map(Column::name));
    for row in &rows {
        let cell = |index| {
            Ok::<_, sqlx::Error>(row.try_get::<Option<String>, _>(index)?.unwrap_or_default())
        };
        table.add_row((0..row.len()).map(cell).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(table.to_string())
}

/// Every table of the database and its number of rows.
pub(super) async fn rows_per_table(connection: &mut MySqlConnection) -> anyhow::Result<String> {
    let names = connection
        .fetch_all(
            "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME NOT LIKE '\\_%' ORDER BY TABLE_NAME",
        )
        .await?;
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(["table", "rows"]);
    for name in names {
        let name: String = name.try_get(0)?;
        let count = format!("SELECT COUNT(*) FROM `{name}`");
        let rows: i64 = connection.fetch_one(AssertSqlSafe(count)).await?.try_get(0)?;
        table.add_row([name, rows.to_string()]);
    }
    Ok(table.to_string())
}
