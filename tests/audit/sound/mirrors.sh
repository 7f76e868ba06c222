#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Fetches a page with wget, once, and prints it: mirror.sh SERVER PORT
exec timeout --kill-after=1 5 wget --quiet --tries=1 --timeout=3 --output-document=- "http://$1:$2/"
