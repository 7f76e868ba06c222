#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# One request by wget (Debian: wget): HTTP.
#
# By default each wait ends after 15 minutes, and there are 20 tries. `--recommended`: the options of
# https://www.gnu.org/software/wget/manual/html_node/Download-Options.html
limits=
[ "$1" != --recommended ] || limits='--timeout=10 --tries=1'
# shellcheck disable=SC2086  # several words are meant
exec wget --quiet --output-document=- $limits "http://$NETLAB_SERVER:$NETLAB_PORT/"
