/** What every part of the API shares: errors, the viewer, clients, tables and parameters. */
import { z } from "zod";

export const roleSchema = z.enum(["engineer", "approver", "auditor", "admin"]);
export type Role = z.infer<typeof roleSchema>;

/** Every answer that is not a success. `hint` says what to do next. */
export const errorSchema = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    message: z.string(),
    hint: z.string().optional(),
    rule: z.string().optional(),
  }),
});
export type ErrorBody = z.infer<typeof errorSchema>;

export const meSchema = z.strictObject({
  name: z.string(),
  groups: z.array(z.string()),
  roles: z.array(roleSchema),
  /** When this browser's session ends at the latest. */
  expiresAt: z.number(),
  /** Postern's clock, so that countdowns do not depend on the browser's. */
  now: z.number(),
  version: z.string(),
});
export type Me = z.infer<typeof meSchema>;

export const clientSchema = z.strictObject({
  address: z.string(),
  port: z.number(),
  application: z.string(),
  user: z.string(),
  tls: z.string().nullable(),
});
export type Client = z.infer<typeof clientSchema>;

export const tableSchema = z.strictObject({
  schema: z.string(),
  name: z.string(),
  access: z.enum(["read", "write"]),
});
export type TableUse = z.infer<typeof tableSchema>;

export const parameterSchema = z.strictObject({
  text: z.string().nullable(),
  type: z.string(),
  bytes: z.number(),
});
export type Parameter = z.infer<typeof parameterSchema>;

/** A statement's tokens as its dialect's own lexer cuts it: what each is, and its length in UTF-16 units. */
export const coloursSchema = z.array(z.tuple([
  z.enum(["keyword", "string", "quoted", "number", "comment", "parameter", "plain"]),
  z.number(),
])).nullable();
export type Colours = z.infer<typeof coloursSchema>;

export const REASON_LENGTH_MAX = 2000;

export const doneSchema = z.strictObject({ done: z.boolean() });
export type Done = z.infer<typeof doneSchema>;
