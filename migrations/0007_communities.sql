-- Communities: one row a community, one a member joining or leaving, one for every other event of a community.
-- Rules: see 0001_users.sql.

CREATE TABLE IF NOT EXISTS communities (
    id                      BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    community_id            VARCHAR(50) COLLATE ascii_bin NOT NULL COMMENT 'Id given by the platform',
    name                    VARCHAR(100)                  NULL,
    slug                    VARCHAR(150)                  NULL     COMMENT 'Name in web addresses',
    description             TEXT                          NULL,
    owner_id                VARCHAR(50)                   NULL     COMMENT 'users.user_id of the owner; unchecked text',
    owner_name              VARCHAR(100)                  NULL     COMMENT 'As it was when created',
    visibility              VARCHAR(50)                   NULL     COMMENT 'e.g. public, private',
    requires_approval       BOOLEAN                       NULL     COMMENT '1: somebody must let new members in',
    member_count            BIGINT                        NULL     COMMENT 'As told by the newest event that names it',
    status                  VARCHAR(50)                   NULL     COMMENT 'e.g. active, suspended',
    member_count_changed_at DATETIME(6)                   NULL     COMMENT 'When member_count last changed (UTC); NULL: as created',
    member_count_changed_by VARCHAR(50) COLLATE ascii_bin NULL     COMMENT 'event_id of that change; NULL: as created',
    status_changed_at       DATETIME(6)                   NULL     COMMENT 'When status last changed (UTC); NULL: as created',
    status_changed_by       VARCHAR(50) COLLATE ascii_bin NULL     COMMENT 'event_id of that change; NULL: as created',
    event_id                VARCHAR(50) COLLATE ascii_bin NULL     COMMENT 'The community.created event; NULL: not seen yet',
    event_timestamp         DATETIME(6)                   NULL     COMMENT 'Time (UTC) of that event; NULL: not seen yet',
    created_at              TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was first written',
    UNIQUE KEY uq_communities (community_id)
) COMMENT='Communities, one row each, as of the newest events'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS community_memberships (
    id              BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    community_id    VARCHAR(50) COLLATE ascii_bin NOT NULL,
    user_id         VARCHAR(50)                   NOT NULL DEFAULT '' COMMENT 'users.user_id of the member; unchecked text',
    action          ENUM('joined', 'left')        NOT NULL,
    member_count    BIGINT                        NULL     COMMENT 'Members of the community after it',
    event_id        VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_timestamp DATETIME(6)                   NOT NULL COMMENT 'When it happened (UTC)',
    created_at      TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was written',
    UNIQUE KEY uq_community_memberships (event_timestamp, event_id)
) COMMENT='One row for every member who joined or left a community'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS community_events (
    id              BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    community_id    VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_type      VARCHAR(100)                  NOT NULL COMMENT 'e.g. community.created, community.suspended',
    admin_id        VARCHAR(50)                   NULL     COMMENT 'Who did it; unchecked text; NULL: event names nobody',
    reason          TEXT                          NULL     COMMENT 'As written by the person; NULL: none given',
    event_data      JSON                          NOT NULL COMMENT 'The data of the event, without its secrets',
    event_id        VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_timestamp DATETIME(6)                   NOT NULL COMMENT 'When it happened (UTC)',
    created_at      TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was written',
    UNIQUE KEY uq_community_events (event_timestamp, event_id)
) COMMENT='One row for every community event but joining and leaving'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;
