/** A person with a second screen: opens the page of a device code (RFC 8628) and says who they are. */
import { HttpBrowser } from "./http_browser.ts";

/**
 * `page` is the verification address with the code in it, or without, where `code` is typed in; `ca` an authority (PEM)
 * that the person's browser trusts.
 */
export async function approveDevice(page: string, person: string, code?: string, ca?: string): Promise<void> {
  const browser = new HttpBrowser(ca);
  const form = await browser.get(page);
  const fields = Object.fromEntries(
    [...form.text.matchAll(/name="(\w+)" value="([^"]*)"/g)].map((
      [, name = "", value = ""],
    ) => [name, value]),
  );
  if (code !== undefined) fields.user_code = code;
  const action = /action="([^"]+)"/.exec(form.text)?.[1] ?? form.url.href;
  let next = await browser.post(new URL(action, form.url), fields);
  // The issuer shows the code once more, to be compared.
  if (!next.url.pathname.startsWith("/people/")) {
    const again = Object.fromEntries(
      [...next.text.matchAll(/name="(\w+)" value="([^"]*)"/g)].map((
        [, name = "", value = ""],
      ) => [name, value]),
    );
    next = await browser.post(new URL(/action="([^"]+)"/.exec(next.text)?.[1] ?? next.url.href, next.url), {
      ...again,
      confirm: "yes",
    });
  }
  if (!next.url.pathname.startsWith("/people/")) {
    throw new Error(`no sign-in page, but ${next.status} at ${next.url}: ${next.text.slice(0, 800)}`);
  }
  const done = await browser.post(next.url, { person });
  if (done.status !== 200) throw new Error(`the device was not approved: ${done.status} ${done.text}`);
}

/** What a program without a browser does: asks for a code, lets `person` approve it, and takes the tokens. */
export async function tokensByDevice(
  issuer: string,
  clientId: string,
  scope: string,
  person: string,
): Promise<{ access_token: string; id_token?: string; refresh_token?: string }> {
  const ask = async (path: string, form: Record<string, string>) => {
    const response = await fetch(`${issuer}${path}`, { method: "POST", body: new URLSearchParams(form) });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const device = await ask("/device/auth", { client_id: clientId, scope });
  await approveDevice(device.verification_uri_complete, person);
  return await ask("/token", {
    client_id: clientId,
    grant_type: "urn:ietf:params:oauth:grant-type:device_code",
    device_code: device.device_code,
  });
}
