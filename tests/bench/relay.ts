/**
 * `deno run -A tests/bench/relay.ts PORT TARGET-PORT`: copies bytes between clients on loopback and a target there,
 * and looks at none of them. What it costs is what the runtime costs any program between the two: a bound for Postern.
 */
import { createConnection, createServer, type Socket } from "node:net";

const [port, targetPort] = Deno.args.map(Number) as [number, number];

function copy(from: Socket, to: Socket): void {
  from.setNoDelay(true);
  from.on("data", (bytes) => {
    if (to.write(bytes)) return;
    from.pause();
    to.once("drain", () => from.resume());
  });
  from.on("end", () => to.end());
  from.on("error", () => to.destroy());
  from.on("close", () => to.destroy());
}

createServer((client) => {
  const target = createConnection({ host: "127.0.0.1", port: targetPort });
  copy(client, target);
  copy(target, client);
}).listen(port, "127.0.0.1");
