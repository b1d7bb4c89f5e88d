/** The config's `traces:` section: spans for a collector that takes OTLP over HTTP. Absent: none are made. */
import { z } from "zod";
import { certificate, httpsUrl, secret } from "../config_values.ts";

const headerName = z.string().regex(
  /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/,
  "must be the name of an HTTP header",
);

export const tracesSchema = z.strictObject({
  /** The whole address, with its path: `https://collector.example.com:4318/v1/traces`. */
  url: httpsUrl,
  headers: z.record(headerName, secret).default({}),
  ca: certificate.optional(),
  /** The share of statements that are traced, from 0 to 1. Sign-ins and sessions are few: all of them are. */
  sample: z.number().min(0).max(1).default(1),
  service: z.string().min(1).max(100).default("postern"),
});

export type TracesConfig = z.output<typeof tracesSchema>;
