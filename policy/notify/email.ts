/** Messages by e-mail: SMTP (RFC 5321), with STARTTLS (RFC 3207) unless the config says otherwise. */
import nodemailer from "nodemailer";
import type { Secret } from "../config_values.ts";
import type { AuditEvent } from "../types.ts";
import { type Channel, ChannelError, networkError } from "./channel.ts";
import { destinationOf } from "./guarded_address.ts";
import type { Message } from "./message.ts";
import { mailOf } from "./renderings.ts";

export interface EmailOptions {
  readonly host: string;
  readonly port: number;
  /** `starttls` refuses a server that does not offer it; `tls` from the first byte on; `none` for this machine. */
  readonly tls: "starttls" | "tls" | "none";
  readonly ca?: string | undefined;
  readonly user: string | null;
  readonly password: Secret | null;
  readonly from: string;
  readonly to: readonly string[];
  readonly allowed: readonly string[];
  readonly timeoutMs: number;
}

export function emailChannel(
  options: EmailOptions,
  messageOf: (event: AuditEvent) => Message | null,
): Channel {
  return {
    kind: "email",
    batchMax: 1,
    confirmMs: 0,
    async send([event], signal) {
      const message = event === undefined ? null : messageOf(event);
      if (message === null) return;
      const { address, tls } = await destinationOf(options.host, options.allowed);
      const { timeoutMs } = options;
      const transport = nodemailer.createTransport({
        host: address,
        port: options.port,
        secure: options.tls === "tls",
        requireTLS: options.tls === "starttls",
        ignoreTLS: options.tls === "none",
        tls: { ...tls, ...(options.ca === undefined ? {} : { ca: [options.ca] }) },
        ...(options.user === null
          ? {}
          : { auth: { user: options.user, pass: options.password?.reveal() ?? "" } }),
        connectionTimeout: timeoutMs,
        greetingTimeout: timeoutMs,
        socketTimeout: timeoutMs,
        // A message is text of ours; nothing in it may make the library read a file or a URL.
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      const stop = () => transport.close();
      signal.addEventListener("abort", stop, { once: true });
      try {
        const domain = options.from.split("@").at(-1)!.replace(/>.*/, "");
        await transport.sendMail({
          from: options.from,
          to: [...options.to],
          ...mailOf(message),
          // The same whenever it is sent, so that mailboxes may drop the second.
          messageId: `<${message.id}@${domain}>`,
          date: new Date(message.at),
          headers: { "Auto-Submitted": "auto-generated" },
        });
      } catch (error) {
        throw smtpError(error);
      } finally {
        signal.removeEventListener("abort", stop);
        transport.close();
      }
    },
    close: () => Promise.resolve(true),
  };
}

/** The library's errors hold the server's answer, which may repeat what was sent: only the code goes on. */
function smtpError(error: unknown): ChannelError {
  const { code, responseCode } = error as { code?: unknown; responseCode?: unknown };
  if (code === "EAUTH") return new ChannelError("it refused the user or password");
  if (code === "ETLS") return new ChannelError("it offers no STARTTLS, or its TLS failed");
  if (typeof responseCode === "number") {
    return new ChannelError(`it answered with code ${responseCode}`, responseCode >= 500);
  }
  return networkError(error);
}
