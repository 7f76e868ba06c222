# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules, causes, and the answers that they give."""
