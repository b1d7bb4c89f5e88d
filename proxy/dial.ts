/** The only outbound connect of the data path: to configured targets, with a deadline. */
import { createConnection, type Socket } from "node:net";
import { shortOfDescriptors } from "../policy/descriptors.ts";
import { PosternError } from "../policy/errors.ts";
import type { Target } from "../policy/types.ts";

/**
 * A plain TCP connection to a target, `TCP_NODELAY` and keep-alive on. The caller adds its own `error`
 * listener before it yields. Rejects with TargetUnavailable: the text names the target, never its address,
 * which is the operator's business and in the log; with LimitExceeded where file descriptors run short.
 */
export function dial(target: Pick<Target, "name" | "host" | "port">, timeoutMs: number): Promise<Socket> {
  const short = shortOfDescriptors();
  if (short !== null) return Promise.reject(short);
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: target.host, port: target.port });
    const fail = (cause: unknown, problem: string) => {
      clearTimeout(timer);
      socket.destroy();
      reject(
        new PosternError("TargetUnavailable", `The target "${target.name}" ${problem}`, {
          hint: "It may be down or unreachable from Postern; try again, then tell whoever runs it",
          cause,
        }),
      );
    };
    const timer = setTimeout(
      () =>
        fail(
          new Error(`no connection to ${target.host}:${target.port} in ${timeoutMs} ms`),
          "did not answer in time",
        ),
      timeoutMs,
    );
    // Stays until the caller has its own: an error without a listener would end the process.
    socket.on("error", (error) => fail(error, "cannot be reached"));
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.setNoDelay(true);
      socket.setKeepAlive(true, 60_000);
      resolve(socket);
    });
  });
}
