-- Promotions: one row a promotion, one for every event of a promotion. Rules: see 0001_users.sql.

CREATE TABLE IF NOT EXISTS promotions (
    id                BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    promotion_id      VARCHAR(50) COLLATE ascii_bin NOT NULL COMMENT 'Id given by the platform',
    promotion_type    ENUM('single', 'campaign', 'default') NULL,
    title             VARCHAR(200)                  NULL,
    description       TEXT                          NULL,
    supplier_id       VARCHAR(50)                   NULL     COMMENT 'suppliers.supplier_id; unchecked text',
    supplier_name     VARCHAR(200)                  NULL     COMMENT 'As it was when created',
    visibility_type   VARCHAR(50)                   NULL     COMMENT 'e.g. global, communities, both',
    start_date        DATETIME(6)                   NULL     COMMENT 'Planned start (UTC)',
    end_date          DATETIME(6)                   NULL     COMMENT 'Planned end (UTC)',
    status            VARCHAR(50)                   NULL     COMMENT 'e.g. draft, pending_approval, active, paused, ended',
    status_changed_at DATETIME(6)                   NULL     COMMENT 'When status last changed (UTC); NULL: as created',
    status_changed_by VARCHAR(50) COLLATE ascii_bin NULL     COMMENT 'event_id of that change; NULL: as created',
    event_id          VARCHAR(50) COLLATE ascii_bin NULL     COMMENT 'The promotion.created event; NULL: not seen yet',
    event_timestamp   DATETIME(6)                   NULL     COMMENT 'Time (UTC) of that event; NULL: not seen yet',
    created_at        TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was first written',
    UNIQUE KEY uq_promotions (promotion_id)
) COMMENT='Promotions, one row each, as of the newest events'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS promotion_events (
    id              BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    promotion_id    VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_type      VARCHAR(100)                  NOT NULL COMMENT 'e.g. promotion.created, promotion.rejected',
    supplier_id     VARCHAR(50)                   NULL     COMMENT 'suppliers.supplier_id; unchecked text; NULL: event names none',
    reviewer_id     VARCHAR(50)                   NULL     COMMENT 'Who approved or rejected; unchecked text',
    reason          TEXT                          NULL     COMMENT 'As written by the person; NULL: none given',
    event_data      JSON                          NOT NULL COMMENT 'The data of the event, without its secrets',
    event_id        VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_timestamp DATETIME(6)                   NOT NULL COMMENT 'When it happened (UTC)',
    created_at      TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was written',
    UNIQUE KEY uq_promotion_events (event_timestamp, event_id)
) COMMENT='One row for every promotion event'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;
