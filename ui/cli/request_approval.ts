/** `postern request`: statements that are to run later, for approval in advance. */
import { requestAnswerSchema } from "../contract.ts";
import { CredentialsFile } from "./credentials.ts";
import { SignedIn } from "./dashboard.ts";
import { type Commands, readText, say, UsageError, type Values } from "./run.ts";

const env = (name: string) => Deno.env.get(name);

async function request(values: Values): Promise<number> {
  const { file, target, reason = "", url } = values;
  if (typeof file !== "string" || typeof target !== "string" || typeof reason !== "string") {
    throw new UsageError("Name the file and the target: --file FILE --target TARGET");
  }
  const signedIn = SignedIn.of(new CredentialsFile(env), url, env);
  const body = { target, text: readText(file), reason };
  const { request } = await signedIn.call("/api/requests", requestAnswerSchema, body);
  const { statements, windowMs } = request.advance ?? { statements: 1, windowMs: 0 };
  const approvers = request.approvers.join(" or ");
  return await say(
    `${signedIn.url}/requests/${request.id}\n` +
      `waits for ${approvers}. Once approved, ${
        statements === 1 ? "it" : `its ${statements} statements`
      } may run ` +
      `for ${Math.round(windowMs / 60_000)} min, exactly as written, each once, in any order.`,
  );
}

export const requestCommands: Commands = {
  request: {
    usage: "--file FILE --target TARGET [--reason TEXT] [--url URL]",
    about: "submits statements for approval, to run them afterwards",
    options: { file: "string", target: "string", reason: "string", url: "string" },
    operands: [0, 0],
    run: (_, values) => request(values),
  },
};
