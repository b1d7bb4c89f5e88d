/** Access for a time as the data path and the dashboard see it. */
import type { Grant, GrantScope, Wanted } from "./grant.ts";
import type { Identity, StatementKind } from "./types.ts";

/** A signed-in client at the door of a target that it has no access to yet. */
export interface AccessWait {
  readonly target: string;
  /** Where its person asks, and sees how it stands. */
  readonly url: string;
  /** How it stands now. */
  readonly standing: {
    /** A request is under way: whoever decides may let this client in. */
    readonly asked: boolean;
    /** `you have no access to orders-prod now` */
    readonly message: string;
    readonly hint: string;
    readonly deadlineAt: number;
  };
  /** Settles once: access is there; or PolicyDenied for a refusal, a withdrawal, the deadline. */
  readonly outcome: Promise<void>;
  /** Called whenever `standing` has changed. */
  onChange(listener: () => void): void;
  /** The client went away: what was asked for through it alone is withdrawn. */
  abandon(): void;
}

/** A target as somebody may open it. */
export interface AccessPlace {
  readonly name: string;
  readonly protocol: string;
  readonly database: string;
  readonly environment: string;
  /** `open`: membership is enough. `ask`: a grant is needed. `glass`: only by break-glass. */
  readonly entry: "open" | "ask" | "glass";
  readonly breakGlass: { readonly durationMaxMs: number } | null;
  /** What the rules may give, for a form; the rules decide. */
  readonly offers: readonly {
    readonly rule: string;
    readonly then: "grant" | "approve";
    readonly durationMaxMs: number;
    readonly kinds: readonly StatementKind[] | null;
    readonly unmask: readonly string[];
  }[];
}

export interface AskedFrom {
  readonly address: string;
  /** Of an AccessWait, from the link that the client printed. */
  readonly wait?: string | undefined;
}

export interface AccessDesk {
  places(identity: Identity): readonly AccessPlace[];
  /** Requested or granted, in all; oldest first. */
  open(): readonly Grant[];
  find(id: string): Promise<Grant | null>;
  /** Granted at once, or requested. Rejects with PolicyDenied, LimitExceeded or StoreFailed. */
  ask(identity: Identity, wanted: Wanted, from: AskedFrom): Promise<Grant>;
  /** At once, loudly. Rejects with PolicyDenied. */
  breakGlass(identity: Identity, wanted: Wanted, from: AskedFrom): Promise<Grant>;
  /** Why this person may not decide it; null where they may. */
  mayDecide(grant: Grant, identity: Identity): string | null;
  decide(id: string, by: Identity, decision: { approve: boolean; reason: string }): Promise<Grant>;
  withdraw(id: string, by: Identity): Promise<Grant>;
  mayRevoke(grant: Grant, identity: Identity): string | null;
  /** Ends its sessions. */
  revoke(id: string, by: Identity, reason: string): Promise<Grant>;
  mayExamine(grant: Grant, identity: Identity): string | null;
  /** The review after a break-glass. */
  examine(id: string, by: Identity, words: string): Promise<Grant>;
}

/** What sessions keep of the grant that let them in. */
export interface SessionGrant {
  readonly id: string;
  readonly breakGlass: boolean;
  readonly endsAt: number;
  readonly scope: GrantScope;
}

/** Something to tell a person whose session goes on. */
export interface SessionNotice {
  readonly message: string;
  readonly detail: string;
  readonly hint: string;
}
