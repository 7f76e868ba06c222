# SPDX-License-Identifier: GPL-2.0-or-later
"""One message by kafka-python (PyPI: kafka-python): Kafka.

By default it waits for 60 s for metadata and 30 s for each reply. `--recommended`: the time-outs of
https://kafka-python.readthedocs.io/en/master/apidoc/KafkaProducer.html
"""

import os
import sys
from typing import Any

from kafka import KafkaProducer

LIMITS: dict[str, Any] = {
    "max_block_ms": 10000,
    "request_timeout_ms": 5000,
    "delivery_timeout_ms": 10000,
}
limits = LIMITS if "--recommended" in sys.argv else {}
producer = KafkaProducer(
    bootstrap_servers="{NETLAB_SERVER}:{NETLAB_PORT}".format_map(os.environ), **limits
)
print(producer.send("netlab", b"hello").get())
producer.close()
