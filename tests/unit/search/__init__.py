# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/search` does without a lab."""
