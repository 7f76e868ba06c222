# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds a lab and breaks it: namespaces, the wire, firewall rules, applications."""
