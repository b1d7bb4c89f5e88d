/** The dashboard's stream of events, and waiting for what it leads to. */
import type { DashboardUser } from "./gateway.ts";

export interface News {
  heard(pattern: RegExp): Promise<void>;
  close(): void;
}

/** What the dashboard tells a browser as it happens. */
export async function listen(user: DashboardUser): Promise<News> {
  const stop = new AbortController();
  const response = await fetch(`${user.base}/api/stream`, {
    headers: {
      cookie: user.browser.cookieHeader(new URL(`${user.base}/api/stream`)),
      "sec-fetch-site": "same-origin",
    },
    signal: stop.signal,
  });
  if (response.status !== 200) throw new Error(`the stream answers ${response.status}`);
  let text = "";
  const reading = (async () => {
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) text += part;
  })().catch(() => {});
  await eventually(() => Promise.resolve(text.includes("hello")), "the stream's first word");
  return {
    heard: (pattern) =>
      eventually(() => Promise.resolve(pattern.test(text)), `${pattern} in the stream:\n${text}`),
    close() {
      stop.abort();
      void reading;
    },
  };
}

export async function eventually(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (let left = 1600;; left--) {
    if (await condition()) return;
    if (left === 0) throw new Error(`this did not come: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 75));
  }
}
