/** Where this thread's time goes: V8's sampling profiler, as a table of functions by their own time. */
import { Session } from "node:inspector";

interface ProfileNode {
  readonly id: number;
  readonly children?: readonly number[];
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
}

/** Runs `body`; gives the functions that took most, one a line, as shares of all samples: by themselves, then with what they called. */
export async function profiled(body: () => Promise<void>, linesMax = 60): Promise<string> {
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
  return `by itself\n${tableOf(own(profile), linesMax)}\nwith its callees\n${
    tableOf(inclusive(profile), linesMax)
  }`;
}

const nameOf = ({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string => {
  const place = url.split("/").slice(-2).join("/");
  return `${functionName || "(anonymous)"} ${place}${place === "" ? "" : `:${lineNumber + 1}`}`;
};

/** Samples by function. */
type Counts = ReadonlyMap<string, number>;

function own({ nodes, samples }: Profile): Counts {
  const names = new Map(nodes.map((node) => [node.id, nameOf(node)]));
  const counts = new Map<string, number>();
  for (const id of samples) {
    const name = names.get(id) ?? "?";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** A function counts once in a stack, however often it is in it. */
function inclusive({ nodes, samples }: Profile): Counts {
  const hits = new Map<number, number>();
  for (const id of samples) hits.set(id, (hits.get(id) ?? 0) + 1);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const counts = new Map<string, number>();
  const visit = (node: ProfileNode, above: ReadonlySet<string>): number => {
    const name = nameOf(node);
    const within = new Set(above).add(name);
    let all = hits.get(node.id) ?? 0;
    for (const child of node.children ?? []) all += visit(byId.get(child)!, within);
    if (!above.has(name)) counts.set(name, (counts.get(name) ?? 0) + all);
    return all;
  };
  const [root] = nodes;
  if (root !== undefined) visit(root, new Set());
  return counts;
}

function tableOf(counts: Counts, linesMax: number): string {
  const all = counts.get("(root) ") ?? [...counts.values()].reduce((sum, count) => sum + count, 0);
  return [...counts].sort(([, a], [, b]) => b - a).slice(0, linesMax)
    .map(([name, count]) => `${(count / all * 100).toFixed(1).padStart(6)} %  ${name}`).join("\n");
}
