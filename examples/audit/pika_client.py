# SPDX-License-Identifier: GPL-2.0-or-later
"""One message by pika (PyPI: pika): AMQP 0-9-1, of RabbitMQ.

By default connecting may take 10 s, AMQP's own handshake 15 s, and a reply as long as heartbeats
come. `--recommended`: the values of the documentation's example,
https://pika.readthedocs.io/en/stable/examples/heartbeat_and_blocked_timeouts.html
"""

import os
import sys
from typing import Any

import pika

host, port = os.environ["NETLAB_SERVER"], os.environ["NETLAB_PORT"]
limits: dict[str, Any] = {"heartbeat": 600, "blocked_connection_timeout": 300}
where = pika.ConnectionParameters(host, int(port), **limits if "--recommended" in sys.argv else {})
connection = pika.BlockingConnection(where)
channel = connection.channel()
channel.confirm_delivery()
channel.queue_declare("netlab", exclusive=True)
channel.basic_publish("", "netlab", b"hello")
print("confirmed")
connection.close()
