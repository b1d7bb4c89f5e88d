/** Events of ephemeral accounts on targets. */
import { z } from "zod";
import type { AccountEventType, EventDraft, Json } from "../types.ts";

export const accountEventData = {
  "account.created": z.strictObject({
    account: z.string(),
    roles: z.array(z.string()).readonly(),
    /** When the target itself stops taking it. */
    validUntil: z.number(),
  }).readonly(),
  /** `swept`: not at its session's end, but found later. */
  "account.dropped": z.strictObject({ account: z.string(), swept: z.boolean() }).readonly(),
  /** It stands on the target, and every sweep tries again. */
  "account.stuck": z.strictObject({ account: z.string(), reason: z.string() }).readonly(),
} satisfies Record<AccountEventType, z.ZodType>;

interface About {
  readonly person: string;
  readonly session: string;
  readonly target: string;
}

type Data<T extends AccountEventType> = z.infer<(typeof accountEventData)[T]>;

const draft = (type: AccountEventType, about: About, data: { readonly [key: string]: Json }): EventDraft => ({
  type,
  ...about,
  data,
});

export const accountCreated = (about: About, { account, roles, validUntil }: Data<"account.created">) =>
  draft("account.created", about, { account, roles: [...roles], validUntil });

export const accountDropped = (about: About, { account, swept }: Data<"account.dropped">) =>
  draft("account.dropped", about, { account, swept });

export const accountStuck = (about: About, { account, reason }: Data<"account.stuck">) =>
  draft("account.stuck", about, { account, reason });
