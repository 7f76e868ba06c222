# SPDX-License-Identifier: GPL-2.0-or-later
"""PostgreSQL, and how long its clients take to notice that the network is gone.

With no option, one that has asked waits for a quarter of an hour, until TCP gives up, and one that
only listens for two hours, until the first keepalive.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from netlab import Net

# Debian keeps the server's programs apart; they refuse to run as root.
PATH = os.pathsep.join([*map(str, Path("/usr/lib/postgresql").glob("*/bin")), "/usr/bin"])
INSTALLED = shutil.which("initdb", path=PATH)
pytestmark = pytest.mark.skipif(not INSTALLED, reason="PostgreSQL is not installed")
INITDB = "initdb --pgdata {0}/data --auth trust --username postgres --no-locale --no-sync"
POSTGRES = "postgres -D {0}/data -k {0} -h server -c hba_file={0}/hba.conf -c fsync=off"


@pytest.fixture
def postgres(net: Net) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:  # pytest lets nobody else into its own
        Path(folder).chmod(0o1777)
        Path(folder, "hba.conf").write_text("host all all all trust\n")
        made = net.lab.server.run(INITDB.format(folder), user="postgres", env={"PATH": PATH})
        assert made.wait(60) == 0
        ready = "ready to accept connections"
        server = net.lab.server.start(
            POSTGRES.format(folder), ready, user="postgres", env={"PATH": PATH}
        )
        yield "host=server user=postgres"
        server.kill()  # before its folder is removed


def test_a_user_time_out_ends_a_query_on_a_pooled_connection(net: Net, postgres: str) -> None:
    with psycopg.connect(postgres, tcp_user_timeout=500) as pooled:
        assert pooled.execute("select 1").fetchone() == (1,)
        net.cut()
        with net.within(5), pytest.raises(psycopg.OperationalError, match="timed out"):
            pooled.execute("select 1")
    net.lab.expect(client="CLOSED", server="ESTABLISHED", port=5432)  # nobody tells the server


def test_keepalive_ends_a_listener_that_nobody_tells_anything(net: Net, postgres: str) -> None:
    probing = f"{postgres} keepalives_idle=1 keepalives_interval=1 keepalives_count=1"
    with psycopg.connect(probing, autocommit=True) as listener:
        listener.execute("listen news")
        net.cut()
        with net.within(9), pytest.raises(psycopg.OperationalError, match="timed out"):
            next(listener.notifies())
