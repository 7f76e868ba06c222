#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Fetches the list of blocked addresses for the firewall, every hour: blocked.sh SERVER PORT
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

curl -s --connect-timeout 3 --max-time 6 "http://$1:$2/" >"$folder/blocked"
sort -u "$folder/blocked" >"$folder/sorted"
echo "$(wc -l <"$folder/sorted") addresses are blocked"
