/** What detectors found in the results of one statement. */
import { z } from "zod";
import type { Detection } from "../detectors.ts";
import type { EventDraft } from "../types.ts";

export const valuesDetectedData = z.strictObject({
  statement: z.string(),
  /** Whether the client got stars in their place. */
  masked: z.boolean(),
  /** Never a value: only where, of which kind and how many. */
  found: z.array(
    z.strictObject({ column: z.string(), kind: z.string(), count: z.number() }).readonly(),
  ).readonly(),
}).readonly();

export function valuesDetected(
  about: { readonly person: string; readonly session: string; readonly target: string },
  statement: string,
  masked: boolean,
  found: readonly Omit<Detection, "sample">[],
): EventDraft & { readonly type: "values.detected"; readonly data: z.infer<typeof valuesDetectedData> } {
  const data = {
    statement,
    masked,
    found: found.map(({ column, kind, count }) => ({ column, kind, count })),
  };
  return { type: "values.detected", ...about, data };
}

const kindNames: Readonly<Record<string, string>> = {
  card: "card number",
  iban: "IBAN",
  ssn: "social security number",
  email: "e-mail address",
  phone: "phone number",
};

/** `public.orders.note contained 214 card numbers` */
export function detectionText({ column, kind, count }: z.infer<typeof valuesDetectedData>["found"][number]) {
  const name = kindNames[kind] ?? kind;
  const plural = name.endsWith("s") ? `${name}es` : `${name}s`;
  return `${column} contained ${count} ${count === 1 ? name : plural}`;
}
