/** What `postern login` keeps: one file that only its owner can read, and a lock so that two programs never renew at once. */
import { join } from "node:path";
import { z } from "zod";
import { PosternError } from "../../policy/errors.ts";

const savedSchema = z.strictObject({
  issuer: z.string(),
  clientId: z.string(),
  person: z.string(),
  /** PEM of the authorities that count for this dashboard and its issuer, beside the public ones. */
  ca: z.string().optional(),
  tokens: z.strictObject({
    bearer: z.string(),
    accessToken: z.string(),
    refreshToken: z.string().nullable(),
    expiresAt: z.number(),
    accessEndsAt: z.number().optional(),
  }),
});
export type SavedSignIn = z.infer<typeof savedSchema>;

const fileSchema = z.strictObject({
  version: z.literal(1),
  /** The dashboard that commands mean where they name none. */
  current: z.string().nullable(),
  /** By the dashboard's address. */
  signIns: z.record(z.string(), savedSchema),
});
export type Credentials = z.infer<typeof fileSchema>;

const nothing: Credentials = { version: 1, current: null, signIns: {} };

export class CredentialsFile {
  readonly #folder: string;
  readonly path: string;

  constructor(env: (name: string) => string | undefined) {
    const home = env("HOME") ?? env("USERPROFILE");
    const folder = env("POSTERN_HOME") ?? (env("XDG_CONFIG_HOME") ?? (home && join(home, ".config")));
    if (folder === undefined) {
      throw new PosternError("Internal", "There is no place to keep the sign-in", {
        hint: "Set HOME, or POSTERN_HOME to a folder of your own",
      });
    }
    this.#folder = env("POSTERN_HOME") === undefined ? join(folder, "postern") : folder;
    this.path = join(this.#folder, "credentials.json");
  }

  /** Throws where the file is damaged, or others may read it. */
  read(): Credentials {
    let text: string;
    try {
      const { mode } = Deno.statSync(this.path);
      if (mode !== null && (mode & 0o077) !== 0) throw this.#unusable("others on this machine may read it");
      text = Deno.readTextFileSync(this.path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return nothing;
      throw error;
    }
    const parsed = fileSchema.safeParse(jsonOf(text));
    if (!parsed.success) throw this.#unusable("it is damaged");
    return parsed.data;
  }

  /**
   * Reads, lets `change` decide, and writes what it gives, while no other Postern on this machine does the same:
   * issuers take a refresh token that is used twice for stolen.
   */
  async update<T>(change: (now: Credentials) => Promise<readonly [Credentials, T]>): Promise<T> {
    await Deno.mkdir(this.#folder, { recursive: true, mode: 0o700 });
    using lock = await Deno.open(join(this.#folder, "lock"), { create: true, write: true, mode: 0o600 });
    await lock.lock(true);
    const before = this.read();
    const [after, result] = await change(before);
    if (after !== before) await this.#write(after);
    return result;
  }

  /** Never a file that is half written, and at no moment one that others can read. */
  async #write(credentials: Credentials): Promise<void> {
    const temporary = `${this.path}.${crypto.randomUUID()}`;
    await Deno.writeTextFile(temporary, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
    await Deno.rename(temporary, this.path);
  }

  #unusable(why: string): PosternError {
    return new PosternError("Internal", `${this.path} cannot be used: ${why}`, {
      hint: `Remove it (rm ${this.path}), then run \`postern login\` again`,
    });
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
