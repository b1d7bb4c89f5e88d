/** Ways in: consents for waiting clients, targets, one-time passwords. */
import { z } from "zod";
import { clientSchema } from "./common.ts";

/** A sign-in that a client waits for, as the browser confirms it. */
export const connectPageSchema = z.strictObject({
  now: z.number(),
  code: z.string(),
  target: z.string(),
  client: clientSchema,
  deadlineAt: z.number(),
});
export type ConnectPage = z.infer<typeof connectPageSchema>;

/** A line to copy into a terminal or a form, and what it is for. */
const connectLineSchema = z.strictObject({ label: z.string(), line: z.string() });
export type ConnectLine = z.infer<typeof connectLineSchema>;
const lines = z.array(connectLineSchema);

/** What the viewer may reach, with the lines that need no password; `listening`: whether anything can. */
const place = { name: z.string(), environment: z.string(), database: z.string() };
const targetSchema = z.strictObject({ ...place, listening: z.boolean(), lines });
export type ReachableTarget = z.infer<typeof targetSchema>;
export const targetsSchema = z.strictObject({ targets: z.array(targetSchema) });
export type Targets = z.infer<typeof targetsSchema>;

/** Where clients connect: `tls` says what is spoken there. */
export const listeningSchema = z.strictObject({
  protocol: z.string(),
  host: z.string(),
  port: z.number(),
  tls: z.enum(["none", "offered", "required"]),
});
export type Listening = z.infer<typeof listeningSchema>;

/** `GET /.well-known/postern`: what a program must know to sign its person in; public. */
export const aboutSchema = z.strictObject({
  version: z.string(),
  issuer: z.string(),
  /** The public client for programs; null where none is configured. */
  clientId: z.string().nullable(),
});
export type About = z.infer<typeof aboutSchema>;

export const askPasswordSchema = z.strictObject({});
/** A one-time password: in its lines, and in this answer only. */
export const passwordSchema = z.strictObject({
  now: z.number(),
  user: z.string(),
  password: z.string(),
  expiresAt: z.number(),
  lines,
  /** For programs. */
  at: listeningSchema,
});
export type OneTimePassword = z.infer<typeof passwordSchema>;

/** Beside a program's ID token, so that the issuer can be asked about its person again: `SECONDS-IT-LASTS TOKEN`. */
export const ACCESS_TOKEN_HEADER = "postern-access-token";

/** The user names of one-time passwords whose sessions are to last as long as the token that comes with this. */
export const renewSchema = z.strictObject({ users: z.array(z.string().min(1).max(100)).max(500) });
export const renewedSchema = z.strictObject({
  now: z.number(),
  /** How many sessions there are. */
  sessions: z.number(),
  expiresAt: z.number(),
});
export type Renewed = z.infer<typeof renewedSchema>;

export const consentSchema = z.strictObject({ decision: z.enum(["confirm", "reject"]) });
export type Consent = z.infer<typeof consentSchema>;
