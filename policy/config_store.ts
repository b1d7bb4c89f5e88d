/** Where the record is kept. */
import { z } from "zod";
import { duration, secret } from "./config_values.ts";

/** A PostgreSQL database for the session store, to share with other nodes; embedded where left out. */
export const storeSchema = z.strictObject({
  url: secret,
  /** A node that was not heard of for so long is lost, and others end what it left open. */
  nodeTimeout: duration("5s", "10m").default(30_000),
}).optional();

interface Kept {
  readonly data: string;
  readonly store?: z.output<typeof storeSchema>;
}

/** Where the journal is opened: in the data folder, or by URL with that folder beside it. */
export const storeOptions = ({ data, store }: Kept) => ({
  folder: data,
  ...(store === undefined ? {} : { url: store.url.reveal(), nodeTimeoutMs: store.nodeTimeout }),
});
