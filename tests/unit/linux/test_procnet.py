# SPDX-License-Identifier: GPL-2.0-or-later
"""/proc/net/tcp as the kernel writes it: hexadecimal here, decimal there, or empty."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netlab.linux.procnet import CLOCK_TICKS, DIRECTORY, _Reopened, _row
from netlab.model.errors import LabError
from netlab.model.tcp import State, Timer

#: get_tcp4_sock, net/ipv4/tcp_ipv4.c: queues, timer and retransmissions are hexadecimal; uid,
#: probes and inode are not.
ROW = (
    "  10: 0100000A:9C41 0200000A:01BB 04 0000000A:00000010 01:00000014 0000000C  1000"
    "       11 4711 2 ffff888000000000 20 4 30 10 -1"
)


def test_each_column_is_read_in_its_own_base() -> None:
    row = _row(ROW)
    assert (row.local, row.remote) == ("0100000A:9C41", "0200000A:01BB")
    assert (row.state, row.timer) == (State.FIN_WAIT1, Timer.RETRANSMIT)
    assert (row.tx_queue, row.rx_queue) == (10, 16)
    assert (row.retransmits, row.probes, row.inode) == (12, 11, 4711)
    assert row.remaining == 20 / CLOCK_TICKS
    assert row.pointer == "ffff888000000000"


def test_a_file_that_cannot_be_read_again_is_opened_anew(tmp_path: Path) -> None:
    """As after the first read on some kernels. It stays the same one, whatever its name means by
    now: in /proc/net that is the file of the namespace in which the thread is.
    """
    path = tmp_path / "tcp"
    path.write_text("one")
    directory = os.open(tmp_path, DIRECTORY)
    file = _Reopened(directory, "tcp")
    try:
        assert [file.read(), file.read()] == ["one", "one"]
        path.rename(tmp_path / "moved")
        path.write_text("two")
        only_a_place = os.open(f"/proc/self/fd/{file._fd}", os.O_PATH)  # not to be read
        os.dup2(only_a_place, file._fd)
        os.close(only_a_place)
        assert [file.read(), file.read()] == ["one", "one"]
        os.truncate(tmp_path / "moved", 0)
        with pytest.raises(LabError, match="/proc/net/tcp reads as empty"):
            file.read()
    finally:
        file.close()
        os.close(directory)
