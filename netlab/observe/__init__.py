# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks at descriptors it is given, and knows nothing of labs."""
