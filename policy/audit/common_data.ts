/** Shapes that several types of events share. */
import { z } from "zod";

export const strings = z.array(z.string()).readonly();
export const millis = z.number();

export const clientData = z.strictObject({
  address: z.string(),
  port: z.number(),
  application: z.string(),
  user: z.string(),
  tls: z.string().nullable(),
}).readonly();

export const statementKind = z.enum([
  "read",
  "write",
  "ddl",
  "session",
  "transaction",
  "admin",
  "copy",
  "call",
  "unknown",
]);

export const relationUse = z.strictObject({
  schema: z.string(),
  name: z.string(),
  access: z.enum(["read", "write"]),
}).readonly();

/** Where values for masked columns are replaced in `text` and `parameters`; absent where none is: see hidden.ts. */
export const hiddenShape = {
  hidden: z.array(z.array(z.number())).readonly().optional(),
  hiddenParameters: z.array(z.number()).readonly().optional(),
};

export const parameterView = z.strictObject({
  text: z.string().nullable(),
  type: z.string(),
  bytes: z.number(),
}).readonly();
