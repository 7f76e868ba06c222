# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/live` does without a lab."""
