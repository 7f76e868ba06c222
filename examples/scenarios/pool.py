# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks a server by a pooled connection, closes the pool, and does something else for a second."""

import time

import requests

with requests.Session() as session:
    session.get("http://server:8000/")
print("closed", flush=True)
time.sleep(1)
