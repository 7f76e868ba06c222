# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/teaching` does without a lab."""
