// Cuts the network in the midst of it, in Node: netlab exec -- node cut.mjs
import http from "node:http";
import net from "node:net";

const order = (path, done) =>
  http.request({ socketPath: process.env.NETLAB_CONTROL_FILE, path, method: "POST" }, done).end("{}");
const [host, port] = process.env.NETLAB_SILENT.split(":");
const cut = () => net.connect({ host, port }).setTimeout(300, () => {
  console.log("timed out");
  process.exit(0);
}).on("connect", () => process.exit(1));
net.connect({ host, port }).on("connect", () => order("/cut", cut));
