/** What the viewer may connect to, and one-time passwords for clients that cannot show a sign-in link. */
import { askPasswordSchema, type OneTimePassword, type ReachableTarget } from "../contract.ts";
import { addressOf, bodyOf, type DashboardContext, type DashboardDeps, HttpRefusal } from "./http.ts";

export function targetRoutes({ access, connectLines, clock }: DashboardDeps) {
  /** Asked with a password that is none: whether there is any way to connect. */
  const listens = (target: { name: string; protocol: string }) =>
    connectLines(target, "user", "none").length > 0;

  return {
    list(c: DashboardContext): Response {
      const { identity } = c.get("viewer");
      const targets = access.targets(identity).map((target): ReachableTarget => ({
        name: target.name,
        environment: target.environment,
        database: target.database,
        listening: listens(target),
        lines: [...connectLines(target, identity.name, null)],
      }));
      return c.json({ targets });
    },

    async password(c: DashboardContext): Promise<Response> {
      await bodyOf(c, askPasswordSchema);
      const { identity } = c.get("viewer");
      const name = c.req.param("name") ?? "";
      const target = access.targets(identity).find((one) => one.name === name);
      if (target !== undefined && !listens(target)) {
        throw new HttpRefusal(
          503,
          "NotListening",
          `Postern does not listen for clients of "${name}"`,
          "Whoever runs Postern can give its protocol an address in the config's listen section",
        );
      }
      // Whatever is not among the reachable ones is refused here, by policy.
      const { user, password, expiresAt } = await access.issuePassword(identity, name, addressOf(c));
      const lines = target === undefined ? [] : [...connectLines(target, user, password)];
      const body: OneTimePassword = { now: clock(), user, expiresAt, lines };
      return c.json(body);
    },
  };
}
