/** Targets whose credentials print as `***`. */
import { inspect } from "node:util";
import type { Target } from "./types.ts";

/** A target holds its credentials as texts; logged or serialised whole, it shows `***` in their place. */
export function guarded(target: Target): Target {
  const safe = () => ({
    ...target,
    tls: { ...target.tls, ...(target.tls.key === undefined ? {} : { key: "***" }) },
    account: {
      ...hidden(target.account),
      ...(target.account.ephemeral?.admin === undefined
        ? {}
        : { ephemeral: { ...target.account.ephemeral, admin: hidden(target.account.ephemeral.admin) } }),
    },
    ...(target.probe === undefined
      ? {}
      : { probe: { ...target.probe, account: { user: target.probe.account.user, password: "***" } } }),
  });
  const hide = (hook: PropertyKey, value: unknown) => Object.defineProperty(target, hook, { value });
  hide("toJSON", safe);
  hide(inspect.custom, safe);
  hide(
    Symbol.for("Deno.customInspect"),
    (show: typeof Deno.inspect, options: Deno.InspectOptions) => show(safe(), options),
  );
  return target;
}

function hidden<T extends { readonly password?: string }>(account: T): T {
  return account.password === undefined ? account : { ...account, password: "***" };
}
