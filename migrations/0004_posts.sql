-- Posts: one row a post, one for every event of a post. Rules: see 0001_users.sql.

CREATE TABLE IF NOT EXISTS posts (
    id                       BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    post_id                  VARCHAR(50) COLLATE ascii_bin NOT NULL COMMENT 'Id given by the platform',
    post_type                ENUM('text', 'image', 'video', 'poll', 'link') NULL,
    author_id                VARCHAR(50)                   NULL     COMMENT 'Id of the author; unchecked text',
    author_type              ENUM('user', 'leader', 'community') NULL,
    author_name              VARCHAR(100)                  NULL     COMMENT 'As it was when posted',
    text_content             TEXT                          NULL,
    community_id             VARCHAR(50)                   NULL     COMMENT 'communities.community_id; unchecked text',
    community_name           VARCHAR(100)                  NULL     COMMENT 'As it was when posted',
    status                   VARCHAR(50)                   NULL     COMMENT 'e.g. published, hidden, deleted',
    likes_count              BIGINT                        NULL     COMMENT 'The four counts are those of the creation event',
    comments_count           BIGINT                        NULL,
    shares_count             BIGINT                        NULL,
    views_count              BIGINT                        NULL,
    global_status            VARCHAR(50)                   NULL     COMMENT 'Beyond the community: e.g. none, pending, approved',
    published_at             DATETIME(6)                   NULL     COMMENT 'UTC; NULL: not published when created',
    status_changed_at        DATETIME(6)                   NULL     COMMENT 'When status last changed (UTC); NULL: as created',
    status_changed_by        VARCHAR(50) COLLATE ascii_bin NULL     COMMENT 'event_id of that change; NULL: as created',
    global_status_changed_at DATETIME(6)                   NULL     COMMENT 'When global_status last changed (UTC); NULL: as created',
    global_status_changed_by VARCHAR(50) COLLATE ascii_bin NULL     COMMENT 'event_id of that change; NULL: as created',
    event_id                 VARCHAR(50) COLLATE ascii_bin NULL     COMMENT 'The post.created event; NULL: not seen yet',
    event_timestamp          DATETIME(6)                   NULL     COMMENT 'Time (UTC) of that event; NULL: not seen yet',
    created_at               TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was first written',
    UNIQUE KEY uq_posts (post_id)
) COMMENT='Posts, one row each, as of the newest events'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS post_events (
    id              BIGINT UNSIGNED               NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    post_id         VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_type      VARCHAR(100)                  NOT NULL COMMENT 'e.g. post.created, post.hidden',
    actor_id        VARCHAR(50)                   NULL     COMMENT 'Who did it: author, moderator or admin; unchecked text',
    event_data      JSON                          NOT NULL COMMENT 'The data of the event, without its secrets',
    event_id        VARCHAR(50) COLLATE ascii_bin NOT NULL,
    event_timestamp DATETIME(6)                   NOT NULL COMMENT 'When it happened (UTC)',
    created_at      TIMESTAMP                     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'When this row was written',
    UNIQUE KEY uq_post_events (event_timestamp, event_id)
) COMMENT='One row for every post event'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;
