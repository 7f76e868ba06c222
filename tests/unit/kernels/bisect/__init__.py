# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/kernels/bisect` does without a guest."""
