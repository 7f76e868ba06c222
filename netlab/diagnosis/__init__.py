# SPDX-License-Identifier: GPL-2.0-or-later
"""From stuck connections back to their cause: rules, and the answer that they give."""
