# SPDX-License-Identifier: GPL-2.0-or-later
"""What TCP answers to each event in each state: RFC 9293 as a table that is played."""
