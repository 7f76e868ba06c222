# SPDX-License-Identifier: GPL-2.0-or-later
# Serves one file by HTTP.
head -c 500000 /dev/zero >/tmp/half
exec python3 -m http.server --directory /tmp --bind :: 8000
