# SPDX-License-Identifier: GPL-2.0-or-later
"""One file a command: `add` has its options, and `main` does it."""
