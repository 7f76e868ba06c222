# SPDX-License-Identifier: GPL-2.0-or-later
"""The sockets of a host as data: collected, read from text, stored and masked, on any host."""
