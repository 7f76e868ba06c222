# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/cli/commands` does without a lab."""
