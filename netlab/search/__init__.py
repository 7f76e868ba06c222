# SPDX-License-Identifier: GPL-2.0-or-later
"""Which packets a program cannot do without: each trial is a lab, in which some meet a fate."""
