// SPDX-License-Identifier: GPL-2.0-or-later
// A web server that waits for nobody longer than four seconds: node pages.mjs PORT
import http from "node:http";

const limits = { headersTimeout: 4000, requestTimeout: 4000, connectionsCheckingInterval: 500 };
const server = http.createServer({ ...limits, keepAliveTimeout: 2000 }, (request, response) => {
  request.resume();
  request.on("end", () => response.end("all is well\n"));
});
server.on("connection", (socket) => {
  socket.on("error", () => socket.destroy());
  socket.setTimeout(4000, () => socket.destroy()); // also one that does not read
});
server.listen({ port: Number(process.argv[2]), host: "::", backlog: 128 });
