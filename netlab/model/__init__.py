# SPDX-License-Identifier: GPL-2.0-or-later
"""Plain records that every part of netlab may use."""
