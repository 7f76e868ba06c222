# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/packets` does without a lab."""
