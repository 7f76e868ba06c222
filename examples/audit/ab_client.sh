#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# One request by ab (Debian: apache2-utils): HTTP.
#
# By default each wait ends after 30 s. `--recommended`: a shorter one, by the option -s of
# https://httpd.apache.org/docs/2.4/programs/ab.html
limits=
[ "$1" != --recommended ] || limits='-s 10'
# shellcheck disable=SC2086  # several words are meant
exec ab -n 1 $limits "http://$NETLAB_SERVER:$NETLAB_PORT/"
