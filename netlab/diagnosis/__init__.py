# SPDX-License-Identifier: GPL-2.0-or-later
"""From stuck connections back to their cause, on any host: snapshots, rules and answers."""
