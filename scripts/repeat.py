# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether tests hold a thousand times in a row: as somebody who is not root, in a namespace without
a network, with every core busy. Run it by hand, as root:

    .venv/bin/python scripts/repeat.py 1000 examples/test_time_outs.py

Several processes of pytest do it side by side, so that no core has a rest; a line for each.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.kernel.somebody import Somebody

AT_ONCE = 20
AGAIN = """
def pytest_generate_tests(metafunc):
    metafunc.fixturenames.append("again")
    metafunc.parametrize("again", range({times}))
"""


def main(times: int, files: list[str]) -> int:
    """Return 0 if every one of them has passed."""
    if "APART" not in os.environ:
        again = ["unshare", "--net", "env", "APART=yes", sys.executable, *sys.argv]
        return subprocess.run(again, check=False).returncode
    load = ["sh", "-c", "while :; do :; done"]
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()), "home")
        home.parent.chmod(0o755)
        home.mkdir()
        somebody = Somebody(home)
        (home / "again.py").write_text(AGAIN.format(times=-(-times // AT_ONCE)))
        names = [Path(shutil.copy(file, home)).name for file in files]
        for _ in os.sched_getaffinity(0):
            stack.callback(subprocess.Popen(load).kill)
        command = ["sh", "-c", 'PYTHONPATH="$PYTHONPATH:." exec "$@"', "sh", *somebody.pytest]
        played = [somebody.start(*command, "-p", "again", *names) for _ in range(AT_ONCE)]
        for each in played:
            said, wrong = each.communicate()
            print(said if each.returncode else said.splitlines()[-1], wrong, flush=True)
        return int(any(each.returncode for each in played))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
