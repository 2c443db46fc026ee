-- Users: one row a user, one a login, one for every other event of a user.
--
-- All files here keep the same rules.
--
-- Repeatable   Neither server can roll back CREATE TABLE. With IF NOT EXISTS a file that was interrupted is run again.
-- Time         DATETIME(6) columns are UTC. created_at is a TIMESTAMP: the server shows it in the session's time zone.
-- Defaults     Only a required text has one, '': it stands in a row whose creation event is not here yet. A default
--              number or status would look like a fact.
-- Versions     X_changed_at and X_changed_by name the newest event that changed column X after the creation. The loader
--              compares them, so that the newest change wins in whatever order events arrive.
-- Log tables   The one secondary key starts with the time: inserts go to its end however large the table is, reports
--              over a time range can use it, and an event delivered twice repeats both columns, so it is caught.
--              PARTITION BY RANGE on the time wants PRIMARY KEY (id, event_timestamp) first.
-- Ids          An entity's own id, event_id and X_changed_by are printable ASCII and compared byte by byte: ascii_bin.
--              Ids quoted inside a payload are unchecked text and have the table's character set. To join the two with
--              the help of the index, write: ON users.user_id = CONVERT(orders.customer_id USING ascii)
-- Collation    utf8mb4_unicode_520_ci is the newest one that every MySQL since 8.0 and MariaDB since 10.6 knows: MySQL
--              lacks utf8mb4_uca1400_ai_ci, older MariaDB lacks utf8mb4_0900_ai_ci. It tells emoji apart, which
--              utf8mb4_unicode_ci does not, and ignores case, for searching by hand. No key uses it.

CREATE TABLE IF NOT EXISTS users (
    id                BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    user_id           VARCHAR(50) COLLATE ascii_bin NOT NULL COMMENT 'Id given by the platform',
    email             VARCHAR(320)                  NOT NULL DEFAULT '' COMMENT 'Primary address; empty: user.registered not seen yet',
    display_name      VARCHAR(100)                  NULL,
    role              ENUM('consumer', 'leader')    NULL,
    status            ENUM('pending', 'active', 'suspended', 'deleted') NULL,
    avatar            VARCHAR(2048)                 NULL     COMMENT 'Address of the picture',
    bio               TEXT                          NULL,
    phone             VARCHAR(100)                  NULL     COMMENT 'As typed in by the user',
    business_name     VARCHAR(200)                  NULL     COMMENT 'Of a celebrity; NULL: none given',
    business_type     VARCHAR(50)                   NULL     COMMENT 'e.g. agency, brand_ambassador',
    country           VARCHAR(2)                    NULL     COMMENT 'Of the business, as are city and state',
    city              VARCHAR(100)                  NULL,
    state             VARCHAR(100)                  NULL,
    status_changed_at DATETIME(6)                   NULL     COMMENT 'When status last changed (UTC); NULL: as created',
    status_changed_by VARCHAR(50) COLLATE ascii_bin NULL     COMMENT 'event_id of that change; NULL: as created',
    event_id          VARCHAR(50) COLLATE ascii_bin NULL     COMMENT 'The user.registered event; NULL: not seen yet',
    event_timestamp   DATETIME(6)                   NULL     COMMENT 'Time (UTC) of that event; NULL: not seen yet',
    created_at        TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was first written',
    UNIQUE KEY uq_users (user_id)
) COMMENT='Users of the platform, one row each, as of the newest events'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS user_logins (
    id              BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    user_id         VARCHAR(50) COLLATE ascii_bin NOT NULL,
    email           VARCHAR(320)                  NULL,
    role            VARCHAR(50)                   NULL     COMMENT 'Role at that time',
    ip_address      VARCHAR(64)                   NULL     COMMENT 'IPv4 or IPv6, as text',
    event_id        VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_timestamp DATETIME(6)                   NOT NULL COMMENT 'When it happened (UTC)',
    created_at      TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was written',
    UNIQUE KEY uq_user_logins (event_timestamp, event_id)
) COMMENT='One row a user.login event'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS user_events (
    id              BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    user_id         VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_type      VARCHAR(100)                  NOT NULL COMMENT 'e.g. user.registered, user.account_locked',
    event_data      JSON                          NOT NULL COMMENT 'The data of the event, without its secrets',
    event_id        VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_timestamp DATETIME(6)                   NOT NULL COMMENT 'When it happened (UTC)',
    created_at      TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was written',
    UNIQUE KEY uq_user_events (event_timestamp, event_id)
) COMMENT='One row for every user event but logins'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;
