# SPDX-License-Identifier: GPL-2.0-or-later
"""The site as it is built, and the pages for man."""
