# SPDX-License-Identifier: GPL-2.0-or-later
"""One file per command: `add` declares its options, and `main` runs it."""
