# SPDX-License-Identifier: GPL-2.0-or-later
"""Twelve programs that break where exactly one or two packets are lost or overtaken."""
