# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m netlab``."""

import sys

from netlab.cli import main

sys.exit(main())
