# SPDX-License-Identifier: GPL-2.0-or-later
# Serves one file by HTTP.
head -c 5000000 /dev/zero >/tmp/five
exec python3 -m http.server --directory /tmp --bind :: 8000
