# SPDX-License-Identifier: GPL-2.0-or-later
"""One command by paramiko (PyPI: paramiko), with the key in NETLAB_KEY: SSH.

By default connecting takes as long as TCP does, the banner 15 s, and a command for ever.
`--recommended`: the time-outs of https://docs.paramiko.org/en/stable/api/client.html
"""

import os
import sys
from typing import Any

import paramiko

LIMITS = {"timeout": 10, "banner_timeout": 10, "auth_timeout": 10, "channel_timeout": 10}
recommended = "--recommended" in sys.argv
limits: dict[str, Any] = LIMITS if recommended else {}
host, port = os.environ["NETLAB_SERVER"], os.environ["NETLAB_PORT"]
user, key = os.environ.get("NETLAB_USER", "root"), os.environ["NETLAB_KEY"]
with paramiko.SSHClient() as client:
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(host, int(port), user, key_filename=key, allow_agent=False, **limits)
    _, output, _ = client.exec_command("echo hello", timeout=10 if recommended else None)
    print(output.read())
