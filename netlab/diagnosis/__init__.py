# SPDX-License-Identifier: GPL-2.0-or-later
"""From stuck connections back to their causes: the rules, and the findings that they give."""
