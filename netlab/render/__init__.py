# SPDX-License-Identifier: GPL-2.0-or-later
"""Evidence to words and pictures. Nothing here looks at the kernel."""
