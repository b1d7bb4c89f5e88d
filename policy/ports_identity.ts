/** Who it is, and who has gone; part of policy/ports.ts. */
import type { Identity } from "./types.ts";

/** One of several issuers: the company's own has no name. */
export interface IssuerChoice {
  readonly name: string;
  readonly host: string;
}

/** Beside an ID token of the same sign-in: what the issuer's userinfo endpoint is asked with. */
export interface AccessToken {
  readonly token: string;
  /** Epoch milliseconds. */
  readonly endsAt: number;
}

/** OpenID Connect, authorization code with PKCE. */
export interface IdentityProvider {
  /** Where people may sign in, the company's own first; absent where there is that one only. */
  choices?(): readonly IssuerChoice[];
  /** A URL to send the browser to; `flow` is kept on this side, by the browser's cookie. Rejects with AuthFailed. */
  begin(redirectUri: string, issuer?: string): Promise<{ url: string; flow: string }>;
  /** Checks state, nonce, signature, issuer, audience, times. Rejects with AuthFailed. A flow is good once. */
  complete(callback: URL, flow: string): Promise<Identity>;
  /**
   * An ID or access token that somebody presents as it is: a signed one, or an opaque one that the issuer
   * explains (RFC 7662). Rejects with AuthFailed; with LimitExceeded after too many made-up ones from `address`.
   * With an access token beside it the issuer can be asked about an ID token's person again.
   */
  verifyToken(token: string, address?: string, beside?: AccessToken): Promise<Identity>;
  /** The issuer's word that somebody has signed out there. Rejects with AuthFailed for a token that is not good. */
  loggedOut?(logoutToken: string): Promise<void>;
}

/** Tells who has gone: signed out at the issuer, disabled there, or without a group that they had. */
export interface Leavers {
  /** Called after a reload: every sign-in that does not stay is over. */
  onReview(reviewer: (stays: (identity: Identity) => boolean) => void): void;
  subscribe(listener: (who: { readonly issuer: string; readonly subject: string }) => void): void;
}

/** For clients that get their tokens by themselves. */
export interface TokenDiscovery {
  /** Where to find out how to get a token, and the scope to ask for. Rejects with AuthFailed. */
  discovery(): Promise<{ readonly configurationUrl: string; readonly scope: string }>;
}
