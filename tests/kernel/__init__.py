# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests that play on the real kernel: nothing is mocked, and other programs are the judges."""
