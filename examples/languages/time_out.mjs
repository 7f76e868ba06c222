// A connect time-out, in Node: netlab exec -- node time_out.mjs
import net from "node:net";

const [host, port] = process.env.NETLAB_BLACKHOLE.split(":");
const socket = net.connect({ host, port });
socket.setTimeout(300, () => {
  console.log("timed out");
  process.exit(0);
});
socket.on("connect", () => process.exit(1)).on("error", () => process.exit(2));
