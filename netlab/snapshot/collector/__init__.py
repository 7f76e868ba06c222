# SPDX-License-Identifier: GPL-2.0-or-later
"""The collector: what looks at a host on which there is no netlab. `parse.collected` reads it."""

from pathlib import Path

SCRIPT = Path(__file__).parent / "collect.sh"
PLAYBOOK = Path(__file__).parent / "playbook.yaml"
