# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/atlas` does without a lab."""
