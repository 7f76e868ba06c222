# SPDX-License-Identifier: GPL-2.0-or-later
"""As much of MongoDB as a ping needs: every command is answered with ok. mongodb_stub.py PORT

The messages are those of https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
"""

import socketserver
import struct
import sys

import bson  # of PyMongo

OP_REPLY, OP_MSG = 1, 2013
READY = {
    "ok": 1.0,
    "ismaster": True,
    "isWritablePrimary": True,
    "helloOk": True,
    "maxBsonObjectSize": 1 << 24,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "readOnly": False,
    "logicalSessionTimeoutMinutes": 30,
}


class Client(socketserver.StreamRequestHandler):
    """One connection of a driver."""

    def handle(self) -> None:
        """Answer each of its messages."""
        while len(head := self.rfile.read(16)) == 16:
            length, number, _, kind = struct.unpack("<iiii", head)
            self.rfile.read(length - 16)
            document = bson.encode(READY)
            if kind == OP_MSG:
                body = struct.pack("<iB", 0, 0) + document
            else:  # the first one, by which a driver learns that there is OP_MSG
                kind, body = OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1) + document
            self.wfile.write(struct.pack("<iiii", 16 + len(body), 0, number, kind) + body)


class Server(socketserver.ThreadingTCPServer):
    """Many drivers' connections at once: each keeps some."""

    allow_reuse_address = True
    daemon_threads = True


Server(("", int(sys.argv[1])), Client).serve_forever()
