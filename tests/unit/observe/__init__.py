# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/observe` does without a lab."""
