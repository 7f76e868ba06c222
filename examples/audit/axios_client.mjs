// SPDX-License-Identifier: GPL-2.0-or-later
// One request by axios (npm: axios): HTTP.
//
// By default it waits for ever. `--recommended`: "combining timeout and cancellation method (e.g.
// signal) should cover" replies and connecting: https://axios-http.com/docs/cancellation
import axios from "axios";

const limits = { timeout: 5000, signal: AbortSignal.timeout(5000) };
const recommended = process.argv.includes("--recommended");
const { NETLAB_SERVER: host, NETLAB_PORT: port } = process.env;
const reply = await axios.get(`http://${host}:${port}/`, recommended ? limits : {});
console.log(reply.status, reply.data.length, "characters");
