# SPDX-License-Identifier: GPL-2.0-or-later
"""Small programs that scenarios run inside a lab."""
