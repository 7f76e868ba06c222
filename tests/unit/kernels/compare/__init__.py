# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/kernels/compare` does without a lab."""
