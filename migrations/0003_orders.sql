-- Orders: one row an order, one a line of an order, one for every event of an order. Rules: see 0001_users.sql.

CREATE TABLE IF NOT EXISTS orders (
    id                BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    order_id          VARCHAR(50) COLLATE ascii_bin NOT NULL COMMENT 'Id given by the platform',
    order_number      VARCHAR(50)                   NOT NULL DEFAULT '' COMMENT 'Not unique; empty: order.created not seen yet',
    customer_id       VARCHAR(50)                   NULL     COMMENT 'users.user_id of the buyer; unchecked text',
    customer_email    VARCHAR(320)                  NULL     COMMENT 'As it was when ordered',
    customer_name     VARCHAR(100)                  NULL     COMMENT 'As it was when ordered',
    subtotal_cents    BIGINT                        NULL     COMMENT 'All amounts are in cents of currency',
    discount_cents    BIGINT                        NULL,
    shipping_cents    BIGINT                        NULL,
    tax_cents         BIGINT                        NULL,
    total_cents       BIGINT                        NULL,
    currency          VARCHAR(3)                    NULL     COMMENT 'ISO 4217 code, e.g. USD',
    shipping_street   VARCHAR(200)                  NULL     COMMENT 'First line of the address',
    shipping_city     VARCHAR(100)                  NULL,
    shipping_state    VARCHAR(100)                  NULL,
    shipping_zip      VARCHAR(20)                   NULL,
    shipping_country  VARCHAR(2)                    NULL,
    status            VARCHAR(50)                   NULL     COMMENT 'e.g. pending, confirmed, cancelled',
    item_count        BIGINT                        NULL     COMMENT 'Number of lines, not of pieces',
    status_changed_at DATETIME(6)                   NULL     COMMENT 'When status last changed (UTC); NULL: as created',
    status_changed_by VARCHAR(50) COLLATE ascii_bin NULL     COMMENT 'event_id of that change; NULL: as created',
    event_id          VARCHAR(50) COLLATE ascii_bin NULL     COMMENT 'The order.created event; NULL: not seen yet',
    event_timestamp   DATETIME(6)                   NULL     COMMENT 'Time (UTC) of that event; NULL: not seen yet',
    created_at        TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was first written',
    UNIQUE KEY uq_orders (order_id)
) COMMENT='Orders, one row each, as of the newest events'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS order_items (
    id               BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    order_id         VARCHAR(50) COLLATE ascii_bin NOT NULL COMMENT 'orders.order_id',
    line_no          BIGINT                        NOT NULL COMMENT 'Place in the order, from 1',
    product_id       VARCHAR(50)                   NULL     COMMENT 'Product as it was when ordered; unchecked text',
    product_name     VARCHAR(200)                  NULL     COMMENT 'Name as it was when ordered',
    variant_id       VARCHAR(50)                   NULL     COMMENT 'Always NULL: no event carries it yet',
    quantity         BIGINT                        NULL,
    unit_price_cents BIGINT                        NULL     COMMENT 'One piece, in cents of orders.currency',
    total_cents      BIGINT                        NULL     COMMENT 'Final price of the line, in cents of orders.currency',
    event_id         VARCHAR(50) COLLATE ascii_bin NOT NULL COMMENT 'The order.created event this line comes from',
    event_timestamp  DATETIME(6)                   NOT NULL COMMENT 'Time (UTC) of that event',
    created_at       TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was first written',
    UNIQUE KEY uq_order_items (order_id, line_no)
) COMMENT='Lines of the orders: none to many each'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS order_events (
    id              BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    order_id        VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_type      VARCHAR(100)                  NOT NULL COMMENT 'e.g. order.created, order.cancelled',
    event_data      JSON                          NOT NULL COMMENT 'The data of the event, without its secrets',
    event_id        VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_timestamp DATETIME(6)                   NOT NULL COMMENT 'When it happened (UTC)',
    created_at      TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was written',
    UNIQUE KEY uq_order_events (event_timestamp, event_id)
) COMMENT='One row for every order event'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;
