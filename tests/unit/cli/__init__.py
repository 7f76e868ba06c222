# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/cli` does without a lab."""
