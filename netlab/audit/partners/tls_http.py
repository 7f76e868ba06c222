# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP within TLS: the certificate is made for the day, and clients are told to trust it."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from netlab.audit.partners.base import Protocol, ServerSession, Talk
from netlab.audit.partners.http import HttpSession
from netlab.linux import scratch
from netlab.model.errors import LabError
from netlab.model.vocabulary import Side

READ = 1 << 14
#: Where clients look for the certificates that they trust: OpenSSL, Go and Ruby; curl; requests;
#: Node. NETLAB_CA is for all others.
TRUSTING = (
    "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "NETLAB_CA"
)  # fmt: skip


@cache
def _folder() -> Path:
    """A folder with a key, and a certificate of the name `server`, until this process ends."""
    if shutil.which("openssl") is None:
        raise LabError("TLS needs the openssl program, which makes the server's certificate")
    folder, name = scratch.made("tls"), str(Side.SERVER)
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
         "-keyout", str(key), "-out", str(certificate)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        raise LabError(f"openssl makes no certificate: {made.stderr.strip()}")
    return folder


def _certificate() -> Path:
    return _folder() / "certificate.pem"


class TlsSession(ServerSession):
    """One connection, whose requests are in TLS records."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._inner = HttpSession()
        self._hello = self._done = False

    @property
    def settled(self) -> bool:
        """True once the server has answered the first flight: the request comes with the next."""
        return self._hello

    def take(self, data: bytes) -> Iterator[Talk]:
        """Go on with the handshake, or answer each whole request."""
        if not data:
            return
        self._hello = True
        self._in.write(data)
        try:
            if not self._done:
                self._tls.do_handshake()
                self._done = True
            while plain := self._tls.read(READ):
                for talk in self._inner.take(plain):
                    self._tls.write(talk.reply)
                    yield Talk(self._out.read(), talk.key, talk.repeatable, talk.closes)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:  # it trusts nobody, or talks no TLS
            yield Talk(self._out.read(), closes=True)
            return
        if self._out.pending:
            yield Talk(self._out.read())


class TlsHttp(Protocol):
    """A web server with one page, over TLS."""

    name = "tls-http"
    port = 443
    does = "the same as http within TLS; the server's name is to be 'server'"
    asks_at_once = False
    programs = ("openssl",)

    def __init__(self) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(_certificate(), _folder() / "key.pem")

    @property
    def environment(self) -> dict[str, str]:
        """Where the certificate is that a client is to trust."""
        return dict.fromkeys(TRUSTING, str(_certificate()))

    def session(self) -> ServerSession:
        """A new connection."""
        return TlsSession(self._context)
