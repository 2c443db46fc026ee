-- Accounts with no more than they need. Replace the host patterns and the passwords, and `analytics` if
-- mysql.database has another name.

-- For `sluicegate migrate`, once a release; afterwards it may be locked again.
CREATE USER IF NOT EXISTS 'sluicegate_migrate'@'%' IDENTIFIED BY 'change me';
GRANT CREATE, ALTER, INDEX, DROP, REFERENCES, SELECT, INSERT, UPDATE, DELETE
  ON `analytics`.* TO 'sluicegate_migrate'@'%';

-- For `sluicegate run --no-migrate`, `check` and `dead-letters`. DELETE: stale order lines, and purged dead letters.
CREATE USER IF NOT EXISTS 'sluicegate'@'%' IDENTIFIED BY 'change me, too';
GRANT SELECT, INSERT, UPDATE, DELETE ON `analytics`.* TO 'sluicegate'@'%';
