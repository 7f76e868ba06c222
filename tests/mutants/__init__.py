# SPDX-License-Identifier: GPL-2.0-or-later
"""One-place changes of Linux's TCP, and whether netlab sees each: `scripts/mutants`."""
