# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/scenario` does without a lab."""
