# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab, each time with one more of its system calls failing: by ``strace --inject``.

`calls` has what fails and how, `commands` what is run, `judge` what must be true afterwards.
"""
