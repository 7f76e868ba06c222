# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets on the wire: reads headers, and joins the sightings of one packet."""
