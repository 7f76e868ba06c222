# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/render` does without a lab."""
