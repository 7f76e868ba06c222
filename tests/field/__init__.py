# SPDX-License-Identifier: GPL-2.0-or-later
"""Pastes out of public threads, and what netlab answers to them: see README.md."""
