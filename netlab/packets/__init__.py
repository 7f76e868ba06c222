# SPDX-License-Identifier: GPL-2.0-or-later
"""What crossed the wire: headers read, and sightings of one packet put together."""
