# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of findings, and what is told of it."""
