# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetches a page, and waits no longer than three seconds for a server: page.py SERVER PORT."""

import sys
import urllib.request

try:
    url = f"http://{sys.argv[1]}:{sys.argv[2]}/"
    with urllib.request.urlopen(url, timeout=3) as response:
        page = response.read()
except Exception as error:
    sys.exit(f"page: {error!r}")
print(page.decode())
