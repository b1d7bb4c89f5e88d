/**
 * Which target a client wants, by the two names that the protocol gives it: the schema (`-D orders-prod`,
 * `-D orders-prod/otherdb`) or the user (`devin@orders-prod`, `devin%orders-prod/otherdb`).
 */
export interface Named {
  /** The user, without a target in it. */
  readonly user: string;
  /** `target` or `target/database`; empty where neither names one. */
  readonly database: string;
  /** The schema that the client will take for its own: its name stands for the target's database. */
  readonly alias: string;
}

/**
 * `%` in the user always divides user and target. `@` does where what follows it has no dot: people's names
 * are e-mail addresses, and targets are plain names. With the target in the user, the schema is one of its own.
 */
export function nameTarget(user: string, schema: string): Named {
  const at = divider(user);
  if (at < 0) return { user, database: schema, alias: schema };
  const target = user.slice(at + 1);
  const person = user.slice(0, at);
  if (schema === "" || target.includes("/")) return { user: person, database: target, alias: schema };
  // The schema may name the target too, as tools that have one field for both do.
  const named = schema === target || schema.startsWith(`${target}/`) ? schema : `${target}/${schema}`;
  return { user: person, database: named, alias: schema };
}

function divider(user: string): number {
  const percent = user.lastIndexOf("%");
  if (percent > 0 && percent < user.length - 1) return percent;
  const at = user.lastIndexOf("@");
  if (at <= 0 || at === user.length - 1) return -1;
  const host = user.slice(at + 1).split("/", 1)[0] ?? "";
  return host.includes(".") ? -1 : at;
}
