# SPDX-License-Identifier: GPL-2.0-or-later
"""What is played: scenario files, read into frozen data and played side by side."""
