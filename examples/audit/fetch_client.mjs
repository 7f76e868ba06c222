// SPDX-License-Identifier: GPL-2.0-or-later
// One request by fetch, of Node itself: HTTP.
//
// By default connecting may take 10 s, the head 300 s, and each part of the body as long.
// `--recommended`: https://developer.mozilla.org/docs/Web/API/AbortSignal/timeout_static

const limits = process.argv.includes("--recommended") ? { signal: AbortSignal.timeout(5000) } : {};
const { NETLAB_SERVER: host, NETLAB_PORT: port } = process.env;
const reply = await fetch(`http://${host}:${port}/`, limits);
console.log(reply.status, (await reply.arrayBuffer()).byteLength, "bytes");
