/** Judging has to wait for something. */
export interface Ahead {
  /** Settles when it need not wait any longer. Never rejects. */
  readonly ready: Promise<void>;
  /** Nobody waits for it any more: `ready` settles soon, and no more is done for it. */
  cancel(): void;
}

/** UTF-16 units of a text that is understood at once. */
export const shortTextMax = 8_192;
