/** As much of a browser as signing in needs: redirects and cookies. */

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly host: string;
  readonly path: string;
  readonly httpOnly: boolean;
  readonly secure: boolean;
  readonly sameSite: string;
}

export interface Page {
  /** Of the last request, or the one where `stopAt` stopped before asking. */
  readonly url: URL;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface BrowseOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: BodyInit;
  /** A redirect to an address that starts with this is not followed: the page's `url` is that address. */
  readonly stopAt?: string;
}

/** Cookies are kept per host and path as browsers do (ports share them); `Secure` ones also go to loopback. */
export class HttpBrowser {
  readonly cookies: Cookie[] = [];

  /** `ca`: PEM of an authority that it trusts, beside the public ones. */
  constructor(private readonly ca?: string) {}

  cookieHeader(url: URL): string {
    return this.cookies
      .filter((cookie) => cookie.host === url.hostname && within(url.pathname, cookie.path))
      .map((cookie) => `${cookie.name}=${cookie.value}`).join("; ");
  }

  get(url: string | URL, options: BrowseOptions = {}): Promise<Page> {
    return this.request(url, options);
  }

  post(url: string | URL, form: Record<string, string>, options: BrowseOptions = {}): Promise<Page> {
    return this.request(url, { method: "POST", body: new URLSearchParams(form), ...options });
  }

  async request(start: string | URL, options: BrowseOptions): Promise<Page> {
    const client = this.ca === undefined ? undefined : Deno.createHttpClient({ caCerts: [this.ca] });
    try {
      return await this.#follow(start, options, client === undefined ? {} : { client });
    } finally {
      client?.close();
    }
  }

  async #follow(
    start: string | URL,
    options: BrowseOptions,
    own: { readonly client?: Deno.HttpClient },
  ): Promise<Page> {
    let url = new URL(start);
    let init: RequestInit = { method: options.method ?? "GET", body: options.body ?? null };
    for (let hops = 0; hops < 20; hops++) {
      const response = await fetch(url, {
        ...init,
        ...own,
        redirect: "manual",
        headers: { accept: "text/html", ...options.headers, cookie: this.cookieHeader(url) },
      });
      this.#keep(response.headers.getSetCookie(), url);
      const text = await response.text();
      const location = response.headers.get("location");
      const page = { url, status: response.status, headers: response.headers, text };
      if (location === null || response.status < 300 || response.status > 399) return page;
      url = new URL(location, url);
      if (options.stopAt !== undefined && url.href.startsWith(options.stopAt)) return { ...page, url };
      if (response.status !== 307 && response.status !== 308) init = { method: "GET" };
    }
    throw new Error(`more than 20 redirects from ${start}`);
  }

  #keep(lines: readonly string[], url: URL): void {
    for (const line of lines) {
      const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
      const [name = "", ...value] = pair.split("=");
      const found = new Map(attributes.map((one) => {
        const [key = "", ...rest] = one.split("=");
        return [key.toLowerCase(), rest.join("=")];
      }));
      const path = found.get("path") || url.pathname.replace(/\/[^/]*$/, "") || "/";
      const old = this.cookies.findIndex((one) =>
        one.name === name && one.host === url.hostname && one.path === path
      );
      if (old >= 0) this.cookies.splice(old, 1);
      const expires = found.get("expires");
      const gone = found.get("max-age") === "0" ||
        (expires !== undefined && Date.parse(expires) <= Date.now());
      if (gone) continue;
      this.cookies.push({
        name,
        value: value.join("="),
        host: url.hostname,
        path,
        httpOnly: found.has("httponly"),
        secure: found.has("secure"),
        sameSite: found.get("samesite") ?? "",
      });
    }
  }
}

const within = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);

/**
 * Opens `url`, follows it to the demo issuer's page, chooses `person` (an e-mail address; null cancels) and
 * follows on. The result is the last page; the browser, given or new, holds the cookies.
 */
export async function signInByHttp(
  url: string | URL,
  person: string | null,
  options: { browser?: HttpBrowser; stopAt?: string } = {},
): Promise<Page & { browser: HttpBrowser }> {
  const browser = options.browser ?? new HttpBrowser();
  const stop = options.stopAt === undefined ? {} : { stopAt: options.stopAt };
  const list = await browser.get(url, stop);
  if (!list.url.pathname.startsWith("/people/")) {
    throw new Error(`no sign-in page, but ${list.status} at ${list.url}: ${list.text.slice(0, 500)}`);
  }
  const page = await browser.post(list.url, person === null ? { cancel: "1" } : { person }, stop);
  return { ...page, browser };
}
