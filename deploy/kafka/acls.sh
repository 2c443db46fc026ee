#!/usr/bin/env bash
# Lets sluicegate's account read its topics and commit for its group, and nothing else. READ brings DESCRIBE with it.
#
# Takes: BOOTSTRAP_SERVERS; PRINCIPAL (User:sluicegate), GROUP_ID (mysql-analytics-service), TOPIC_PREFIX (none),
#        COMMAND_CONFIG, the client properties of an administrator; Kafka's kafka-acls.sh on the PATH.
# Topics of your own mappings: add them below.
set -euo pipefail
: "${BOOTSTRAP_SERVERS:?the brokers, HOST:PORT}"
kafka=(kafka-acls.sh --bootstrap-server "$BOOTSTRAP_SERVERS" ${COMMAND_CONFIG:+--command-config "$COMMAND_CONFIG"})

topics=()
for topic in user supplier order post product promotion community; do
  topics+=(--topic "${TOPIC_PREFIX-}$topic")
done
"${kafka[@]}" --add --allow-principal "${PRINCIPAL:-User:sluicegate}" --operation READ \
  "${topics[@]}" --group "${GROUP_ID:-mysql-analytics-service}"
