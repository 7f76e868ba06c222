# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios on other kernels: fetched, booted in virtual machines, played on, and compared."""
