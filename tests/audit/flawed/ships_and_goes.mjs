// SPDX-License-Identifier: GPL-2.0-or-later
// Ships an event to the collector: node ships_and_goes.mjs SERVER PORT
import net from "node:net";

const [server, port] = process.argv.slice(2);
const event = { level: "warning", text: "disk nearly full", at: "db-7" };

const socket = net.connect({ host: server, port: Number(port) });
socket.setTimeout(4000, () => socket.destroy(new Error("the collector does not answer")));
socket.on("error", (error) => {
  console.error(`not shipped: ${error.message}`);
  process.exit(1);
});
socket.on("connect", () => {
  socket.write(JSON.stringify(event) + "\n", () => {
    console.log("shipped");
    socket.destroy();
  });
});
