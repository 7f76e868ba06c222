# SPDX-License-Identifier: GPL-2.0-or-later
"""The diagnosis on real sockets, as ss lists them; and findings recreated in labs."""

from __future__ import annotations

from pathlib import Path

from netlab.cli.commands import repro
from netlab.diagnosis.rank import diagnose
from netlab.diagnosis.rules import rules
from netlab.model.findings import Diagnosis, Finding, StuckConnection
from netlab.model.tcp import ACK, FIN, State
from netlab.model.vocabulary import Family, Hook
from netlab.render.findings import findings
from netlab.render.style import Style
from netlab.scenario import loader, runner, writer
from netlab.snapshot import parse
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab

from . import tools


def asked(*hosts: Host) -> Diagnosis:
    """What netlab makes of ``ss -tanoei`` of one end or of both."""
    texts = [(tools.inside(host, "ss", "-tanoei"), str(host.side)) for host in hosts]
    return diagnose([one for text in texts for one in parse.read(*text)])


def test_a_service_that_leaks_is_told_on_the_first_screen(lab: Lab) -> None:
    lab.server.listen(8080)
    for _ in range(20):
        client = lab.client.connect(8080)
        lab.server.accept()
        lab.client.close(client)
    lab.expect(client=State.FIN_WAIT2, server=State.CLOSE_WAIT, hold=1.5)
    shown = findings(asked(lab.server), Style(False), width=80).splitlines()
    assert "not-closed: the application has not closed its end" in shown[2]
    assert "20 x CLOSE_WAIT, port 8080" in shown[3]
    assert any(line.startswith("   fix ") for line in shown[:24])


def test_a_lost_fin_is_told_from_its_lost_ack_by_both_ends(established: Lab) -> None:
    lab = established
    with lab.drop(FIN, to=lab.server):
        lab.client.close()
        lab.expect(client=State.FIN_WAIT1, server=State.ESTABLISHED, hold=1.0)
        assert [each.cause for each in asked(lab.client, lab.server).findings] == ["fin-lost"]
        assert {"fin-lost", "fin-ack-lost"} <= {
            asked(lab.client).findings[0].cause, *asked(lab.client).findings[0].also,
        }  # fmt: skip


def test_a_lost_ack_of_a_fin_is_seen_by_both_ends(established: Lab) -> None:
    lab = established
    with lab.drop(ACK, to=lab.client):
        lab.client.close()
        lab.expect(client=State.FIN_WAIT1, server=State.CLOSE_WAIT, hold=1.0)
        assert [each.cause for each in asked(lab.client, lab.server).findings] == ["fin-ack-lost"]


def test_a_fin_that_the_own_firewall_drops(established: Lab) -> None:
    lab = established
    with lab.drop(FIN, at=(lab.client, Hook.OUTPUT)):
        lab.client.close()
        lab.expect(client=State.FIN_WAIT1, server=State.ESTABLISHED, hold=1.0)
        for hosts in ((lab.client,), (lab.client, lab.server)):
            assert [each.cause for each in asked(*hosts).findings] == ["own-firewall"]


def test_an_idle_connection_is_well(established: Lab) -> None:
    established.expect(client=State.ESTABLISHED, server=State.ESTABLISHED, hold=0.3)
    assert asked(*established.hosts).findings == ()


def test_every_scenario_of_a_finding_passes_with_another_port(netlab_family: Family) -> None:
    causes = rules().causes.values()
    names = {case.scenario for cause in causes for case in cause.seen}
    names |= {cause.scenario for cause in causes}
    address = "fd00::1" if netlab_family is Family.IPV6 else "10.0.0.1"
    connection = StuckConnection((address, 4711), (address, 8443), (State.ESTABLISHED,))
    played = []
    for name in sorted(names):
        about = Finding(
            "cause",
            "t",
            1.0,
            name,
            "",
            "",
            "",
            service="port 8443",
            port=8443,
            connections=(connection,),
        )
        text = writer.scenario(repro.scenario(about))
        written = loader.parse(text, Path(f"{name}.yaml"))
        played += [variant for variant in written.variants() if not variant.slow]
    runs = [run for _, run in runner.play_all(played, runner.Options(family=netlab_family))]
    assert len(runs) == len(names) >= 40
    skipped = {run.scenario for run in runs if run.outcome == "skip"}
    alone = {each.name for each in played if each.family and each.family is not netlab_family}
    needing = {each.name for each in played if each.way}  # what some machines do not have
    assert len(alone) <= 1
    assert alone <= skipped <= alone | needing
    runs = [run for run in runs if run.scenario not in skipped]
    failed = {run.scenario: run.failure or run.reason for run in runs if run.outcome != "pass"}
    assert not failed


def test_a_neighbour_that_does_not_answer_is_told_from_loss(established: Lab) -> None:
    """Its machine is off: the kernel asks for its address, and keeps what it would send."""
    lab = established
    there = lab.server.address
    tools.inside(lab.client, "ip", "neigh", "del", there, "dev", "eth0")
    tools.inside(lab.server, "ip", "link", "set", "dev", "eth0", "down")
    lab.client.send("hello")

    def silent() -> Diagnosis | None:
        beside = tools.inside(lab.client, "ip", "neigh")
        listed = tools.inside(lab.client, "ss", "-tanoei")
        if f"{there} dev eth0 lladdr" in beside or ",4)" not in listed:
            return None
        return diagnose(parse.read(f"$ ip neigh\n{beside}$ ss -tanoei\n{listed}", "client"))

    found = lab.wait(silent, 10)
    assert found is not None
    (finding,) = found.findings
    assert (finding.cause, finding.also) == ("next-hop-silent", ())
    assert there in " ".join(finding.evidence_for)
    (alone,) = asked(lab.client).findings
    assert "own-firewall" not in (alone.cause, *alone.also), "no rule refuses anything"
