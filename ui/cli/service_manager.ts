/**
 * What systemd and Postern tell each other: sd_notify(3) by datagrams to `NOTIFY_SOCKET`, and sockets that it opened
 * and hands over (sd_listen_fds(3)). Elsewhere, where the variables are not set, none of it does anything.
 */
/// <reference lib="deno.unstable" />
import type { Log } from "../../policy/log.ts";

type Env = Pick<typeof Deno.env, "get" | "delete">;

export interface ServiceManager {
  /** `READY=1`, and from now on a sign of life from the event loop, where `WatchdogSec=` asks for it. */
  ready(): Promise<void>;
  /** `RELOADING=1` until `reload` has settled; what it gives, whichever way. */
  reloading<T>(reload: () => Promise<T>): Promise<T>;
  /** `STOPPING=1`. Signs of life go on: draining takes its time. */
  stopping(): Promise<void>;
  close(): void;
}

/** Children must not speak for this process. */
function taken(env: Env, name: string): string | undefined {
  const value = env.get(name);
  if (value !== undefined) env.delete(name);
  return value;
}

/**
 * One to send from. It needs a path, though nobody answers there: without a name the runtime lets it be opened only by a
 * process that may do everything, which the compiled binary may not. null, and a warning, where it cannot be had.
 */
function ownSocket(log: Log): Deno.DatagramConn | null {
  try {
    const folder = Deno.makeTempDirSync({ prefix: "postern-" });
    try {
      return Deno.listenDatagram({ transport: "unixpacket", path: `${folder}/notify` });
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  } catch (error) {
    log("warn", "the service manager cannot be told anything", { problem: String(error) });
    return null;
  }
}

export function serviceManager(env: Env, log: Log): ServiceManager {
  const path = taken(env, "NOTIFY_SOCKET") ?? "";
  const everyUs = Number(taken(env, "WATCHDOG_USEC") ?? 0);
  const watched = [undefined, String(Deno.pid)].includes(taken(env, "WATCHDOG_PID"));
  if (path !== "" && !path.startsWith("/")) {
    log("warn", "the service manager's socket has no path, and cannot be told anything", { path });
  }
  const socket = path.startsWith("/") ? ownSocket(log) : null;
  let timer: ReturnType<typeof setInterval> | undefined;
  const tell = async (state: string): Promise<void> => {
    try {
      await socket?.send(new TextEncoder().encode(state), { transport: "unixpacket", path });
    } catch (error) {
      log("warn", "the service manager could not be told", { state, problem: String(error) });
    }
  };
  return {
    async ready() {
      await tell("READY=1\nSTATUS=Serving");
      if (socket === null || !(everyUs > 0) || !watched) return;
      // Twice within the time, so that one that comes late does no harm.
      timer = setInterval(() => void tell("WATCHDOG=1"), everyUs / 2000);
      Deno.unrefTimer(timer as unknown as number);
    },
    async reloading(reload) {
      await tell("RELOADING=1\nSTATUS=Reading the config anew");
      try {
        return await reload();
      } finally {
        await tell("READY=1\nSTATUS=Serving");
      }
    },
    stopping: () => tell("STOPPING=1\nSTATUS=Letting clients finish"),
    close() {
      clearInterval(timer);
      socket?.close();
    },
  };
}

/** The first that is handed over; 0, 1 and 2 are the standard ones. */
const FIRST_FD = 3;

/**
 * File descriptors of sockets that are open already, by the names that their units give them
 * (`FileDescriptorName=`): the protocols' ids.
 */
export function inheritedSockets(env: Env): Readonly<Record<string, number>> {
  const pid = taken(env, "LISTEN_PID");
  const count = Number(taken(env, "LISTEN_FDS") ?? 0);
  const names = (taken(env, "LISTEN_FDNAMES") ?? "").split(":");
  if (pid !== String(Deno.pid) || !(count > 0)) return {};
  return Object.fromEntries(names.slice(0, count).map((name, at) => [name, FIRST_FD + at]));
}
