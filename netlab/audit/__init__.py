# SPDX-License-Identifier: GPL-2.0-or-later
"""What a program does when the network dies under it: every fault, each in a lab of its own."""
