# SPDX-License-Identifier: GPL-2.0-or-later
"""One mail by smtplib, of Python itself: SMTP.

By default it waits for ever. `--recommended`: the parameter `timeout` of
https://docs.python.org/3/library/smtplib.html#smtplib.SMTP
"""

import os
import smtplib
import sys
from typing import Any

host, port = os.environ["NETLAB_SERVER"], os.environ["NETLAB_PORT"]
limits: dict[str, Any] = {"timeout": 10} if "--recommended" in sys.argv else {}
with smtplib.SMTP(host, int(port), **limits) as client:
    client.sendmail("a@example.com", ["b@example.com"], "Subject: hello\r\n\r\nhello\r\n")
print("sent")
