# SPDX-License-Identifier: GPL-2.0-or-later
"""What kernels do otherwise than each other, and which known change explains it."""
