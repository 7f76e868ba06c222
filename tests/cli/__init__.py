# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the command line as a person or a script has it: arguments in, text and a code out."""
