# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs with one planted flaw each, and sound ones: what `netlab audit` is measured by."""
