/** Started with few file descriptors: uses them up under a server, gives them back, and says whether it still serves. */
import { EnduringServer } from "../../../ui/api/enduring_server.ts";

// Its first use takes descriptors, too.
Deno.addSignalListener("SIGTERM", () => {});
let ended = 0;
const server = new EnduringServer(
  () => Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => new Response("served")),
  (_level, text) => void (text.includes("has ended") && ended++),
);
const first = server.addr.port;
const kept: Deno.FsFile[] = [];
try {
  for (;;) kept.push(Deno.openSync("/dev/null"));
} catch {
  // The last one is the client's: none is left for the server's end.
  kept.pop()!.close();
}
const client = await Deno.connect({ hostname: "127.0.0.1", port: first }).catch(() => null);
while (ended === 0) await new Promise((resolve) => setTimeout(resolve, 20));
client?.close();
for (const file of kept) file.close();
for (;;) {
  const answer = await fetch(`http://127.0.0.1:${server.addr.port}`).then((got) => got.text()).catch(() =>
    ""
  );
  if (answer === "served") break;
  await new Promise((resolve) => setTimeout(resolve, 100));
}
console.log("serves again");
Deno.exit(0);
