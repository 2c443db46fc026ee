-- What this database holds of each partition. Rules: see 0001_users.sql.
-- Every writer has rows of its own, so writers never wait for each other at them. A partition is durable here up to the
-- greatest next_offset among its writers' rows of the present topic_id: every message before it is in the tables, is a
-- dead letter, or was skipped as the mapping says.

CREATE TABLE IF NOT EXISTS sluicegate_progress (
    cluster_id      VARCHAR(64) COLLATE ascii_bin    NOT NULL COMMENT 'Kafka cluster, as it names itself',
    group_id        VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'kafka.group_id of the instances that wrote it',
    topic           VARCHAR(249) COLLATE ascii_bin   NOT NULL,
    kafka_partition INT                              NOT NULL,
    topic_id        VARCHAR(22) COLLATE ascii_bin    NOT NULL COMMENT 'As Kafka prints it; another one after a topic was recreated; empty: unknown',
    writer          SMALLINT UNSIGNED                NOT NULL COMMENT 'Number of the writer within its instance',
    next_offset     BIGINT                           NOT NULL COMMENT 'Every message before it is durable in this database',
    recorded_at     DATETIME(6)                      NOT NULL COMMENT 'When this row was last written (UTC)',
    PRIMARY KEY (cluster_id, group_id, topic, kafka_partition, topic_id, writer)
) COMMENT='How far this database holds each partition; sluicegate progress shows and changes it'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

-- A writer counts its commits here and compares: a smaller number than before means that the database went back in time.

CREATE TABLE IF NOT EXISTS sluicegate_writers (
    cluster_id   VARCHAR(64) COLLATE ascii_bin    NOT NULL COMMENT 'Kafka cluster, as it names itself',
    group_id     VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'kafka.group_id of the instance',
    instance     CHAR(16) COLLATE ascii_bin       NOT NULL COMMENT 'Name of a process, new at each start',
    writer       SMALLINT UNSIGNED                NOT NULL COMMENT 'Number of the writer within its instance',
    commits      BIGINT UNSIGNED                  NOT NULL COMMENT 'Transactions that this writer has committed',
    member_id    VARCHAR(255)                     NOT NULL COMMENT 'Of the instance in its Kafka group; empty: not a member yet',
    client_id    VARCHAR(255)                     NOT NULL COMMENT 'client.id of the instance',
    host         VARCHAR(255)                     NOT NULL COMMENT 'Where the instance runs',
    started_at   DATETIME(6)                      NOT NULL COMMENT 'When the instance started (UTC)',
    committed_at DATETIME(6)                      NOT NULL COMMENT 'When this writer last committed (UTC)',
    PRIMARY KEY (instance, writer),
    KEY ix_sluicegate_writers_group (cluster_id, group_id)
) COMMENT='The writers of running and past instances, and how often each has committed'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

-- A topic as the group first saw it. Partitions that came later, with a topic created or recreated or by an increase, are
-- read from their first offset, whatever kafka.auto_offset_reset says: their messages are newer than the group.

CREATE TABLE IF NOT EXISTS sluicegate_topics (
    cluster_id VARCHAR(64) COLLATE ascii_bin    NOT NULL COMMENT 'Kafka cluster, as it names itself',
    group_id   VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'kafka.group_id of the instances',
    topic      VARCHAR(249) COLLATE ascii_bin   NOT NULL,
    topic_id   VARCHAR(22) COLLATE ascii_bin    NOT NULL COMMENT 'As Kafka prints it; empty: unknown, or it did not exist yet',
    partitions INT                              NOT NULL COMMENT 'How many it had; 0: it did not exist yet, or is younger than the group',
    seen_at    DATETIME(6)                      NOT NULL COMMENT 'When the group first saw it (UTC)',
    PRIMARY KEY (cluster_id, group_id, topic, topic_id)
) COMMENT='How many partitions each topic had when the group first saw it'
  ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;
