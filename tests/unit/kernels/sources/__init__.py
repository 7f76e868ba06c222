# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/kernels/sources` does without a lab."""
