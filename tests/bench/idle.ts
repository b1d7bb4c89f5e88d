/** What an idle connection costs in memory. */
import { Client } from "pg";
import { devin } from "../support/gateway.ts";
import { residentMiB } from "./stats.ts";
import type { Way } from "./pgbench.ts";

async function connected(way: Way, port: number): Promise<Client> {
  const client = new Client({ host: "127.0.0.1", port, user: "devin", database: "demo" });
  client.on("notice", ({ detail }: { detail?: string }) => {
    const link = /http:\S+/.exec(detail ?? "")?.[0];
    if (link !== undefined) way.gateway?.signIn(devin).then((user) => user.confirm(link));
  });
  await client.connect();
  await client.query("SELECT 1");
  return client;
}

/** Both ends are in this process: the clients' part is measured by connecting as many to the target itself. */
export async function idleMemory(way: Way | undefined, port: number, connections: number): Promise<void> {
  if (way === undefined) return;
  const clients = [await connected(way, port)];
  const before = Deno.memoryUsage();
  for (let at = 0; at < connections; at += 20) {
    clients.push(...await Promise.all(Array.from({ length: 20 }, () => connected(way, port))));
  }
  const after = Deno.memoryUsage();
  const each = (bytes: number) => `${(bytes / connections / 1024).toFixed(0)} kB`;
  console.log(
    `${connections} idle connections, clients in the same process: ${
      each(after.rss - before.rss)
    } resident each, ` +
      `${each(after.heapUsed - before.heapUsed)} of the heap; ${residentMiB()} MiB in all`,
  );
  for (const client of clients) await client.end();
}
