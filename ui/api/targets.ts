/** What the viewer may connect to, and one-time passwords for clients that cannot show a sign-in link. */
import {
  askPasswordSchema,
  type OneTimePassword,
  type ReachableTarget,
  type Renewed,
  renewSchema,
} from "../contract.ts";
import {
  addressOf,
  bodyOf,
  type DashboardContext,
  type DashboardDeps,
  HttpRefusal,
  notFound,
} from "./http.ts";

export function targetRoutes({ access, connectLines, listenerOf, live, clock }: DashboardDeps) {
  return {
    list(c: DashboardContext): Response {
      const { identity } = c.get("viewer");
      const targets = access.targets(identity).map((target): ReachableTarget => ({
        name: target.name,
        environment: target.environment,
        database: target.database,
        listening: listenerOf(target.protocol) !== null,
        lines: [...connectLines(target, identity.name, null)],
      }));
      return c.json({ targets });
    },

    /** By whoever started a client with such a password, and has newer tokens. */
    async renew(c: DashboardContext): Promise<Response> {
      const { users } = await bodyOf(c, renewSchema);
      const { identity } = c.get("viewer");
      const { expiresAt } = identity;
      const body: Renewed = { now: clock(), sessions: live.renew(identity, users), expiresAt };
      return c.json(body);
    },

    async password(c: DashboardContext): Promise<Response> {
      await bodyOf(c, askPasswordSchema);
      const { identity } = c.get("viewer");
      const name = c.req.param("name") ?? "";
      const target = access.targets(identity).find((one) => one.name === name);
      const at = target === undefined ? null : listenerOf(target.protocol);
      if (target !== undefined && at === null) {
        throw new HttpRefusal(
          503,
          "NotListening",
          `Postern does not listen for clients of "${name}"`,
          "Whoever runs Postern can give its protocol an address in the config's listen section",
        );
      }
      // Whatever is not among the reachable ones is refused here, by policy.
      const { user, password, expiresAt } = await access.issuePassword(identity, name, addressOf(c));
      if (target === undefined || at === null) throw notFound("target");
      const lines = [...connectLines(target, user, password)];
      const body: OneTimePassword = { now: clock(), user, password, expiresAt, lines, at };
      return c.json(body);
    },
  };
}
