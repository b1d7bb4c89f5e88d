/** What a store that several nodes share needs beside the record: to follow it, and to know of each other. */
import { hostname } from "node:os";
import { channels } from "./database.ts";
import { Fleet, type FleetDeps } from "./fleet.ts";
import { Follower } from "./follower.ts";

export class Sharing {
  readonly follower: Follower;
  readonly fleet: Fleet;

  constructor(deps: Omit<FleetDeps, "name">) {
    this.follower = new Follower(deps.client, deps.node, deps.log);
    this.fleet = new Fleet({ ...deps, name: hostname() });
  }

  heard(channel: string): void {
    if (channel === channels.record) this.follower.heard();
    else this.fleet.heard(channel);
  }

  async start(): Promise<void> {
    // Its lease first: what it left open itself is its own to end.
    await this.fleet.start();
    await this.follower.start();
  }

  async close(): Promise<void> {
    await this.follower.close();
    await this.fleet.close();
  }
}
