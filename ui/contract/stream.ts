/** The event stream. */
import { z } from "zod";

/**
 * What the event stream sends (`event: change`, `id:` is the sequence): that something happened, never its
 * content; the app asks for what it shows. `event: reset` says: too much was missed, ask for everything again.
 */
export const changeSchema = z.strictObject({
  sequence: z.number(),
  at: z.number(),
  type: z.string(),
  person: z.string().nullable(),
  session: z.string().nullable(),
  target: z.string().nullable(),
  /** The id of the request, for `approval.*` and `access.*`. */
  request: z.string().nullable(),
});
export type Change = z.infer<typeof changeSchema>;
