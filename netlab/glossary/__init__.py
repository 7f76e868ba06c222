# SPDX-License-Identifier: GPL-2.0-or-later
"""What netlab's words mean, from the texts that netlab itself works by."""
