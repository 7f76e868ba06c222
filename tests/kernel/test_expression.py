# SPDX-License-Identifier: GPL-2.0-or-later
"""What the nft program makes of a rule's text is what netlab itself sends to the kernel."""

from __future__ import annotations

import pytest

from netlab.linux.expression import Rule
from netlab.linux.namespace import Namespace
from tests.unit.linux.test_expression import RULES

from . import tools

#: In a table of both families nft looks at the family before all that only one of them has. Where
#: netlab asks for it again, the answer is the same.
FAMILY = "meta load nfproto => reg 1"


#: Of two ports in one rule nft makes one number.
COMPARABLE = [case for case in RULES if None in (case[0].source_port, case[0].destination_port)]


@pytest.mark.parametrize(
    ("rule", "text", "lines"), COMPARABLE, ids=[case[1] for case in COMPARABLE]
)
def test_nft_reads_the_text_as_netlab_writes_the_rule(
    rule: Rule, text: str, lines: tuple[str, ...]
) -> None:
    fresh = Namespace.create()
    chain = f"chain c {{\n type filter hook input priority 0;\n {text}\n }}"
    try:
        said = tools.inside(fresh, "nft", "--debug=netlink", "-c", "-f", "-",
                            given=f"table inet t {{\n {chain}\n}}\n")  # fmt: skip
    finally:
        fresh.close()
    read = [line.strip()[2:-2] for line in said.splitlines() if line.startswith("  [ ")]
    assert sorted(_without_family(read)) == sorted(_without_family(list(lines)))


def _without_family(lines: list[str]) -> list[str]:
    after = [False, *(line == FAMILY for line in lines)]
    short = [line.removesuffix(" snaplen 0 qthreshold 0") for line in lines]
    return [
        line
        for line, of_family in zip(short, after, strict=False)
        if line != FAMILY and not of_family
    ]
