-- Suppliers: one row a supplier, one a login, one for every other event of a supplier.
-- No event changes a supplier after its registration, so there are no version columns. Rules: see 0001_users.sql.

CREATE TABLE IF NOT EXISTS suppliers (
    id                   BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    supplier_id          VARCHAR(50) COLLATE ascii_bin NOT NULL COMMENT 'Id given by the platform',
    email                VARCHAR(320)                  NOT NULL DEFAULT '' COMMENT 'Primary address of the contact',
    phone                VARCHAR(100)                  NULL     COMMENT 'Primary phone of the contact, as typed in',
    contact_person_name  VARCHAR(200)                  NULL,
    contact_person_title VARCHAR(200)                  NULL     COMMENT 'Position in the company, e.g. CEO',
    legal_name           VARCHAR(200)                  NULL,
    company_type         VARCHAR(50)                   NULL     COMMENT 'e.g. llc, corporation, nonprofit',
    tax_id               VARCHAR(100)                  NULL     COMMENT 'Confidential; stored nowhere else',
    tax_id_country       VARCHAR(2)                    NULL,
    street_address       VARCHAR(200)                  NULL     COMMENT 'First line of the business address',
    city                 VARCHAR(100)                  NULL,
    state                VARCHAR(100)                  NULL,
    zip_code             VARCHAR(20)                   NULL,
    country              VARCHAR(2)                    NULL,
    industry_category    VARCHAR(100)                  NULL     COMMENT 'e.g. automotive, fashion',
    description          TEXT                          NULL,
    website              VARCHAR(2083)                 NULL,
    status               VARCHAR(50)                   NULL     COMMENT 'At registration; no later event changes it',
    event_id             VARCHAR(50) COLLATE ascii_bin NULL     COMMENT 'The supplier.registered event; NULL: not seen yet',
    event_timestamp      DATETIME(6)                   NULL     COMMENT 'Time (UTC) of that event; NULL: not seen yet',
    created_at           TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was first written',
    UNIQUE KEY uq_suppliers (supplier_id)
) COMMENT='Suppliers of the platform, one row each, as registered'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS supplier_logins (
    id              BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    supplier_id     VARCHAR(50) COLLATE ascii_bin NOT NULL,
    email           VARCHAR(320)                  NULL,
    company_name    VARCHAR(200)                  NULL,
    ip_address      VARCHAR(64)                   NULL     COMMENT 'IPv4 or IPv6, as text',
    event_id        VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_timestamp DATETIME(6)                   NOT NULL COMMENT 'When it happened (UTC)',
    created_at      TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was written',
    UNIQUE KEY uq_supplier_logins (event_timestamp, event_id)
) COMMENT='One row a supplier.login event'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS supplier_events (
    id              BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    supplier_id     VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_type      VARCHAR(100)                  NOT NULL COMMENT 'e.g. supplier.registered, supplier.documents_submitted',
    event_data      JSON                          NOT NULL COMMENT 'The data of the event, without its secrets',
    event_id        VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_timestamp DATETIME(6)                   NOT NULL COMMENT 'When it happened (UTC)',
    created_at      TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was written',
    UNIQUE KEY uq_supplier_events (event_timestamp, event_id)
) COMMENT='One row for every supplier event but logins'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;
