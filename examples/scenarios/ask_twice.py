# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks redis whether it is there, and when it is told to (SIGUSR1) once more, by the same pool."""

import signal

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
with redis.Redis("server", socket_timeout=0.2, retry=Retry(NoBackoff(), 1)) as client:
    assert client.ping()
    print("there", flush=True)
    signal.sigwait({signal.SIGUSR1})
    assert client.ping()
    print("there")
