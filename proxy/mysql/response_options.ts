/** What the relay of one answer is told of it. */
import type { ResultLimits } from "../result_limits.ts";
import type { AnswerOptions } from "./answer.ts";

export interface ResponseOptions extends AnswerOptions {
  /** The number of the answer's first packet. */
  readonly sequence: number;
  /** What the client's numbers are ahead of the target's from the start. */
  readonly shift?: number;
  /** Numbers are put right instead of checked: inside the compressed protocol a target counts as it likes. */
  readonly renumbers?: boolean;
  /** Largest row that is read because it must be masked. */
  readonly rowBytesMax: number;
  readonly limits: ResultLimits;
  /** What earlier portions of the same cursor brought. */
  readonly before?: { readonly rows: number; readonly bytes: number };
  /** The rest of the answer is not wanted. */
  readonly cancel?: () => void;
  /** A row of Postern's own, behind those of the first result. */
  readonly lastRow?: Uint8Array | null;
  /** Sends to the target in the middle of the answer. */
  readonly reply?: (bytes: Uint8Array) => void;
}
