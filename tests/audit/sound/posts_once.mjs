// SPDX-License-Identifier: GPL-2.0-or-later
// Places an order, once: node posts_once.mjs SERVER PORT
import http from "node:http";

const [host, port] = process.argv.slice(2);
const order = JSON.stringify({ item: "chair", count: 4 });

function fail(error) {
  console.error(`nobody knows whether it is ordered: ${error.message}`);
  process.exit(1);
}

const headers = { "Content-Type": "application/json", "Content-Length": order.length };
const signal = AbortSignal.timeout(5000);
const request = http.request({ host, port, method: "POST", path: "/", headers, agent: false, signal });
request.on("error", fail);
request.on("response", (response) => {
  response.on("error", fail);
  response.on("aborted", () => fail(new Error("the reply is not whole")));
  response.on("end", () => {
    if (!response.complete || response.statusCode >= 300) fail(new Error(`${response.statusCode}`));
    console.log("ordered");
    process.exit(0);
  });
  response.resume();
});
request.end(order);
