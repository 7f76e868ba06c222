# SPDX-License-Identifier: GPL-2.0-or-later
"""What netlab reads from outside, broken on purpose: no traceback, no hang, no memory."""
