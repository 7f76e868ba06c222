// SPDX-License-Identifier: GPL-2.0-or-later
// One request by undici (npm: undici): HTTP.
//
// By default connecting may take 10 s, the head 300 s, and each part of the body as long.
// `--recommended`: headersTimeout and bodyTimeout of https://undici.nodejs.org/#/docs/api/Client
import { Agent, request } from "undici";

const limits = { headersTimeout: 5000, bodyTimeout: 5000, connect: { timeout: 5000 } };
const dispatcher = new Agent(process.argv.includes("--recommended") ? limits : {});
const { NETLAB_SERVER: host, NETLAB_PORT: port } = process.env;
const reply = await request(`http://${host}:${port}/`, { dispatcher });
console.log(reply.statusCode, (await reply.body.arrayBuffer()).byteLength, "bytes");
await dispatcher.close();
