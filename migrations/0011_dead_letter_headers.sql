-- Dead letters keep the headers that the mapping reads, so that a message whose event type is in one can be replayed.
-- Rules: see 0001_users.sql. Can be repeated wherever it was interrupted.

SET @add_headers = IF(
    EXISTS (SELECT * FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'dead_letters' AND column_name = 'message_headers'),
    'DO 0',
    'ALTER TABLE dead_letters
         ADD COLUMN message_headers MEDIUMTEXT NULL
             COMMENT ''Headers that the mapping reads, as a JSON object; NULL: none'' AFTER message_key'
);
PREPARE add_headers FROM @add_headers;
EXECUTE add_headers;
DEALLOCATE PREPARE add_headers;
