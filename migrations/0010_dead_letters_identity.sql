-- Dead letters know which topic they came from: a recreated topic has the name of the one before, another cluster may have
-- it, too, and then offsets repeat. Rules: see 0001_users.sql.
-- Each step asks whether it is needed, so that the file can be repeated wherever it was interrupted. The columns have steps of
-- their own, because adding them alone copies no rows. Letters of before, and of an older sluicegate, have '' in both.

SET @add_topic_id = IF(
    EXISTS (SELECT * FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'dead_letters' AND column_name = 'topic_id'),
    'DO 0',
    'ALTER TABLE dead_letters
         ADD COLUMN topic_id VARCHAR(22) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ''''
             COMMENT ''Id that Kafka gave the topic; empty: not known'' AFTER kafka_offset'
);
PREPARE add_topic_id FROM @add_topic_id;
EXECUTE add_topic_id;
DEALLOCATE PREPARE add_topic_id;

SET @add_cluster_id = IF(
    EXISTS (SELECT * FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'dead_letters' AND column_name = 'cluster_id'),
    'DO 0',
    'ALTER TABLE dead_letters
         ADD COLUMN cluster_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ''''
             COMMENT ''Id of the Kafka cluster; empty: not known'' AFTER topic_id'
);
PREPARE add_cluster_id FROM @add_cluster_id;
EXECUTE add_cluster_id;
DEALLOCATE PREPARE add_cluster_id;

-- One statement, which both servers apply whole or not at all: there is always a unique key.
SET @key_now = (
    SELECT GROUP_CONCAT(column_name ORDER BY seq_in_index) FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'dead_letters' AND index_name = 'uq_dead_letters'
);
SET @change_key = IF(
    @key_now <=> 'topic,kafka_partition,kafka_offset,topic_id,cluster_id',
    'DO 0',
    CONCAT('ALTER TABLE dead_letters ', IF(@key_now IS NULL, '', 'DROP INDEX uq_dead_letters, '),
           'ADD UNIQUE KEY uq_dead_letters (topic, kafka_partition, kafka_offset, topic_id, cluster_id)')
);
PREPARE change_key FROM @change_key;
EXECUTE change_key;
DEALLOCATE PREPARE change_key;
