// SPDX-License-Identifier: GPL-2.0-or-later
// One request by got (npm: got): HTTP.
//
// By default it waits for ever, and asks twice more where that is safe. `--recommended`: "it is a
// good practice to set a timeout": https://github.com/sindresorhus/got/blob/main/documentation/6-timeout.md
import got from "got";

const limits = process.argv.includes("--recommended") ? { timeout: { request: 10000 } } : {};
const { NETLAB_SERVER: host, NETLAB_PORT: port } = process.env;
const reply = await got(`http://${host}:${port}/`, limits);
console.log(reply.statusCode, reply.rawBody.length, "bytes");
