# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/testbed` does without a lab."""
