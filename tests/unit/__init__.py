# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests that need no lab: files, words, records, pictures, and the shape of the house."""
