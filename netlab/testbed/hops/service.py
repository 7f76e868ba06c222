# SPDX-License-Identifier: GPL-2.0-or-later
"""One address for several servers, as a load balancer or a Kubernetes service has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from netlab.model.errors import LabError
from netlab.model.vocabulary import Family, Side
from netlab.testbed import coerce
from netlab.testbed.hops.base import HopPlan, Remembering

FAMILIES = {Family.IPV4: "ip", Family.IPV6: "ip6"}
SERVER = str(Side.SERVER)


class Service(Remembering):
    """An address, known by the service's name, behind which are those in `to`: the connections go
    to each of them in turn (DNAT). ``server`` and ``client`` are the lab's hosts; any other name is
    a further address of the server. With `masquerade` the servers see the hop's own address, so
    that answers come back over it. Otherwise as `Remembering`; usually it drops nothing, and takes
    up connections whose opening it has not seen, as kube-proxy does.
    """

    kind = "service"

    def __init__(
        self,
        to: Sequence[str] = (SERVER,),
        name: str = "",
        forgets: int | str | None = None,
        invalid: str = "pass",
        liberal: bool = False,
        strict: bool = False,
        masquerade: bool = False,
    ) -> None:
        self.to = (to,) if isinstance(to, str) else tuple(to)
        if not self.to:
            raise LabError("to: expected the names of servers; found none")
        for each in self.to:
            coerce.name(each)
        self.masquerade = masquerade
        super().__init__(name, forgets, invalid, liberal, strict)

    @property
    def does(self) -> str:
        """What it does, in words."""
        memory = f", {self.manner}" if self.manner and self.invalid != "pass" else ""
        own = ", under its own address" if self.masquerade else ""
        return f"sends connections to {' and '.join(self.to)}{own}{memory}"

    @property
    def services(self) -> Mapping[str, tuple[str, ...]]:
        """Its own name, and those behind it."""
        return {self.name: self.to}

    def chains(self, plan: HopPlan) -> Iterator[str]:
        """Destination NAT, and what brings answers back."""
        rules = "\n".join(_turns(plan, family, self.name, self.to) for family in Family)
        yield f"chain serve {{\ntype nat hook prerouting priority -100; policy accept;\n{rules}\n}}"
        if self.masquerade:
            yield (
                "chain hide {\ntype nat hook postrouting priority 100; policy accept;\n"
                "ct status dnat masquerade\n}"
            )

    def update(self, to: Sequence[str]) -> None:
        """Send new connections to other servers; those that it remembers go where they went.

        Raises `LabError` for a name that it did not know from the start.
        """
        unknown = [name for name in to if name not in self.box.plan.known]
        if unknown:
            known = ", ".join(sorted(self.box.plan.known))
            raise LabError(f"{self.name}: no server is called {unknown[0]!r}. Known: {known}")
        self.to = tuple(to)
        whole = self.rules(self.box.plan)
        nat = f"table inet {self.table}-nat"
        self.box.nft(f"delete {nat}\n{whole[whole.index(nat) :]}")


def _turns(plan: HopPlan, family: Family, name: str, to: Sequence[str]) -> str:
    word = FAMILIES[family]
    own = f"{word} daddr {plan.at(name, family)}"
    if len(to) == 1:
        return f"{own} dnat {word} to {plan.at(to[0], family)}"
    turns = ", ".join(f"{n} : {plan.at(each, family)}" for n, each in enumerate(to))
    return f"{own} dnat {word} to numgen inc mod {len(to)} map {{ {turns} }}"
