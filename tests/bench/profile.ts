/** Where this thread's time goes: V8's sampling profiler, as a table of functions by their own time. */
import { Session } from "node:inspector";

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
}

/** Runs `body`; gives the functions that took most, one a line, as shares of all samples. */
export async function profiled(body: () => Promise<void>, linesMax = 45): Promise<string> {
  const session = new Session();
  session.connect();
  const post = (method: string, parameters: object = {}) =>
    new Promise<{ profile: Profile }>((resolve, reject) =>
      session.post(
        method,
        parameters,
        (error: Error | null, answer?: object) =>
          error ? reject(error) : resolve(answer as { profile: Profile }),
      )
    );
  await post("Profiler.enable");
  await post("Profiler.setSamplingInterval", { interval: 500 });
  await post("Profiler.start");
  await body();
  const { profile } = await post("Profiler.stop");
  session.disconnect();
  return tableOf(profile, linesMax);
}

function tableOf({ nodes, samples }: Profile, linesMax: number): string {
  const names = new Map(nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
    const place = url.split("/").slice(-2).join("/");
    return [id, `${functionName || "(anonymous)"} ${place}${place === "" ? "" : `:${lineNumber + 1}`}`];
  }));
  const counts = new Map<string, number>();
  for (const id of samples) {
    const name = names.get(id) ?? "?";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a).slice(0, linesMax)
    .map(([name, count]) => `${(count / samples.length * 100).toFixed(1).padStart(6)} %  ${name}`).join("\n");
}
