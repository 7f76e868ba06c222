# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab/conformance` does without a lab."""
