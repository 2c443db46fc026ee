-- Products: one row a product, one for every event of a product. Rules: see 0001_users.sql.

CREATE TABLE IF NOT EXISTS products (
    id                BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    product_id        VARCHAR(50) COLLATE ascii_bin NOT NULL COMMENT 'Id given by the platform',
    supplier_id       VARCHAR(50)                   NOT NULL DEFAULT '' COMMENT 'suppliers.supplier_id; empty: product.created not seen yet',
    name              VARCHAR(200)                  NULL,
    slug              VARCHAR(250)                  NULL     COMMENT 'Name in web addresses',
    category          VARCHAR(100)                  NULL,
    subcategory       VARCHAR(100)                  NULL     COMMENT 'Always NULL: no event carries it yet',
    base_price_cents  BIGINT                        NULL     COMMENT 'In cents of currency',
    currency          VARCHAR(3)                    NULL     COMMENT 'ISO 4217 code, e.g. USD',
    description       TEXT                          NULL     COMMENT 'The short description',
    status            VARCHAR(50)                   NULL     COMMENT 'e.g. draft, active, out_of_stock, discontinued, deleted',
    status_changed_at DATETIME(6)                   NULL     COMMENT 'When status last changed (UTC); NULL: as created',
    status_changed_by VARCHAR(50) COLLATE ascii_bin NULL     COMMENT 'event_id of that change; NULL: as created',
    event_id          VARCHAR(50) COLLATE ascii_bin NULL     COMMENT 'The product.created event; NULL: not seen yet',
    event_timestamp   DATETIME(6)                   NULL     COMMENT 'Time (UTC) of that event; NULL: not seen yet',
    created_at        TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was first written',
    UNIQUE KEY uq_products (product_id)
) COMMENT='Products, one row each, as of the newest events'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS product_events (
    id              BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    product_id      VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_type      VARCHAR(100)                  NOT NULL COMMENT 'e.g. product.created, product.published',
    supplier_id     VARCHAR(50)                   NULL     COMMENT 'suppliers.supplier_id; unchecked text; NULL: event names none',
    event_data      JSON                          NOT NULL COMMENT 'The data of the event, without its secrets',
    event_id        VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_timestamp DATETIME(6)                   NOT NULL COMMENT 'When it happened (UTC)',
    created_at      TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was written',
    UNIQUE KEY uq_product_events (event_timestamp, event_id)
) COMMENT='One row for every product event'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;
