# SPDX-License-Identifier: GPL-2.0-or-later
"""Any program in a guest in virtual time: packed with all that it needs, booted, and followed."""
