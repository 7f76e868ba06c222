# SPDX-License-Identifier: GPL-2.0-or-later
"""What an audit makes of what was seen, and the small servers that programs talk with."""
