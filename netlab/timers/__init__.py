# SPDX-License-Identifier: GPL-2.0-or-later
"""How long TCP waits: each of its time-outs, played to its end and measured."""
