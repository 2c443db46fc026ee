-- Accounts with only the grants they need. Replace the host patterns, the passwords, and `analytics` if mysql.database
-- has another name.

-- For `sluicegate migrate`, once a release. You may lock it in between (ALTER USER … ACCOUNT LOCK).
-- ALTER and INDEX are for the migrations of later releases.
CREATE USER IF NOT EXISTS 'sluicegate_migrate'@'%' IDENTIFIED BY 'change me';
GRANT CREATE, ALTER, INDEX, SELECT, INSERT, UPDATE, DELETE ON `analytics`.* TO 'sluicegate_migrate'@'%';

-- For `sluicegate run --no-migrate`, `check`, `dead-letters`, `progress` and `purge`. DELETE is for stale order lines,
-- purged rows and dead letters, and rows of sluicegate_progress that one row replaces.
CREATE USER IF NOT EXISTS 'sluicegate'@'%' IDENTIFIED BY 'change me, too';
GRANT SELECT, INSERT, UPDATE, DELETE ON `analytics`.* TO 'sluicegate'@'%';

-- Only if a mapping has views of living rows (living_view). DROP is for a view that gets a column, on that view alone.
-- GRANT CREATE VIEW, SHOW VIEW ON `analytics`.* TO 'sluicegate_migrate'@'%';
-- GRANT CREATE, DROP ON `analytics`.`living_customers` TO 'sluicegate_migrate'@'%';
