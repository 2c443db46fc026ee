-- Dead letters: one row a message whose data is at fault; never one for an outage. Rules: see 0001_users.sql.
-- A message is known by its place in Kafka, so one that is read twice is still one row.

CREATE TABLE IF NOT EXISTS dead_letters (
    id              BIGINT UNSIGNED                NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'Internal; has gaps',
    topic           VARCHAR(249) COLLATE ascii_bin NOT NULL,
    kafka_partition INT                            NOT NULL,
    kafka_offset    BIGINT                         NOT NULL,
    message_key     VARBINARY(1024)                NULL     COMMENT 'Key of the message, cut after 1024 bytes; NULL: it had none',
    payload         MEDIUMBLOB                     NOT NULL COMMENT 'The message with its secrets removed or masked, perhaps cut',
    payload_bytes   INT UNSIGNED                   NOT NULL COMMENT 'Size of the message as it came from Kafka',
    payload_cut     BOOLEAN                        NOT NULL COMMENT '1: payload was cut to the configured size',
    event_type      VARCHAR(100)                   NULL     COMMENT 'NULL: unreadable or too long',
    event_id        VARCHAR(50)                    NULL     COMMENT 'NULL: unreadable or too long',
    error_code      VARCHAR(64) COLLATE ascii_bin  NOT NULL COMMENT 'Short name of the fault, for grouping',
    error_text      VARCHAR(1024)                  NOT NULL COMMENT 'What is wrong and where, without values of the message',
    kafka_timestamp DATETIME(6)                    NULL     COMMENT 'When producer or broker stamped it (UTC); NULL: no stamp',
    dead_at         DATETIME(6)                    NOT NULL COMMENT 'When sluicegate gave its verdict (UTC)',
    replayed_at     DATETIME(6)                    NULL     COMMENT 'When it was last sent again (UTC); NULL: never',
    UNIQUE KEY uq_dead_letters (topic, kafka_partition, kafka_offset),
    KEY ix_dead_letters_dead_at (dead_at)
) COMMENT='Messages that cannot be loaded, one row each, with the reason'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;
