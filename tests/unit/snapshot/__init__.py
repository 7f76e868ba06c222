# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets as data: parsing, columns, files and masks."""
