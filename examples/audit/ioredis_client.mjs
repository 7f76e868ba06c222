// SPDX-License-Identifier: GPL-2.0-or-later
// One command by ioredis (npm: ioredis): redis.
//
// By default connecting may take 10 s, a reply for ever, and a command is tried 20 times more.
// `--recommended`: https://redis.github.io/ioredis/interfaces/CommonRedisOptions.html
import { Redis } from "ioredis";

const { NETLAB_SERVER: host, NETLAB_PORT: port } = process.env;
const limits = { connectTimeout: 5000, commandTimeout: 5000, maxRetriesPerRequest: 1 };
const recommended = process.argv.includes("--recommended");
const client = new Redis({ host, port: Number(port), ...(recommended ? limits : {}) });
client.on("error", (error) => console.error(error.message));
try {
  console.log(await client.ping());
  await client.quit();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
