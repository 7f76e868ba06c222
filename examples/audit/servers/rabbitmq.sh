#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# RabbitMQ (Debian: rabbitmq-server), whose guest may come from anywhere: rabbitmq.sh PORT FOLDER
set -eu
echo 'loopback_users = none' >"$2/rabbitmq.conf"
export HOME="$2" RABBITMQ_MNESIA_BASE="$2" RABBITMQ_LOG_BASE="$2" RABBITMQ_NODENAME=netlab@localhost
export RABBITMQ_NODE_PORT="$1" RABBITMQ_CONFIG_FILE="$2/rabbitmq.conf" RABBITMQ_LOGS=-
export RABBITMQ_ENABLED_PLUGINS_FILE="$2/plugins" RABBITMQ_PID_FILE="$2/pid"
exec /usr/lib/rabbitmq/bin/rabbitmq-server
