# SPDX-License-Identifier: GPL-2.0-or-later
"""Evidence as words and pictures. Nothing here looks at the kernel."""
