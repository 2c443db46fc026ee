#!/usr/bin/env bash
# Lets sluicegate's account read its topics and commit for its group, and nothing else. READ includes DESCRIBE.
#
# Takes: BOOTSTRAP_SERVERS; PRINCIPAL (User:sluicegate), GROUP_ID (mysql-analytics-service), TOPIC_PREFIX (none),
#        COMMAND_CONFIG, a file with an administrator's client properties; Kafka's kafka-acls.sh on the PATH.
# Add the topics of your own mappings below.
set -euo pipefail
: "${BOOTSTRAP_SERVERS:?the brokers, HOST:PORT}"
kafka=(kafka-acls.sh --bootstrap-server "$BOOTSTRAP_SERVERS" ${COMMAND_CONFIG:+--command-config "$COMMAND_CONFIG"})

topics=()
for topic in user supplier order post product promotion community; do
  topics+=(--topic "${TOPIC_PREFIX-}$topic")
done
"${kafka[@]}" --add --allow-principal "${PRINCIPAL:-User:sluicegate}" --operation READ \
  "${topics[@]}" --group "${GROUP_ID:-mysql-analytics-service}"
