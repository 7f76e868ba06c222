# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/model` does without a lab."""
