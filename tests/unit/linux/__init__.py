# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/linux` does without a lab."""
