/** The requests for approval in the store, and the approvals among them that may still be used. */
import { approvalChangeData } from "../audit/approval_data.ts";
import type { ApprovalRequest, ApprovalUse } from "../types.ts";
import type { Impact } from "../sql/impact.ts";
import type { PendingElsewhere } from "../ports_nodes.ts";
import { column, type Database, type Row } from "./database.ts";
import { integer, limitValue } from "./queries.ts";

const COLUMNS = "request, change, used_at::text, used_by, impact";

function toApproval([request, change, usedAt, usedBy, impact]: Row): ApprovalRequest {
  const asked = {
    ...JSON.parse(request!) as ApprovalRequest,
    ...(impact == null ? {} : { impact: JSON.parse(impact) as Impact }),
  };
  const used = usedAt == null ? {} : { used: { at: Number(usedAt), session: usedBy ?? "?" } };
  return change == null ? asked : { ...asked, ...approvalChangeData.parse(JSON.parse(change)), ...used };
}

export async function readApproval(db: Database, id: string): Promise<ApprovalRequest | null> {
  const [row] = await db.query({
    text: `SELECT ${COLUMNS} FROM approvals WHERE id = $1::text`,
    values: [column(id) ?? ""],
  });
  return row === undefined ? null : toApproval(row);
}

/** What waits at other nodes than this one. */
export async function readPendingElsewhere(db: Database, node: string): Promise<PendingElsewhere[]> {
  const rows = await db.query({
    text: `SELECT node, ${COLUMNS} FROM approvals WHERE state = 'pending' AND node <> $1::text
           ORDER BY requested_at LIMIT 10000`,
    values: [node],
  });
  return rows.map(([where, ...row]) => ({ node: where!, request: toApproval(row) }));
}

/** Newest first; ties as in readSessions. */
export async function readApprovals(
  db: Database,
  filter: { readonly before?: number; readonly limit: number },
): Promise<ApprovalRequest[]> {
  const values: (string | null)[] = [limitValue(filter.limit)];
  const where = filter.before === undefined
    ? "true"
    : `requested_at < $${values.push(integer(Math.ceil(filter.before)))}::int8`;
  const rows = await db.query({
    text: `SELECT ${COLUMNS} FROM approvals WHERE ${where}
           ORDER BY requested_at DESC FETCH FIRST ($1::int8) ROWS WITH TIES`,
    values,
  });
  return rows.map(toApproval);
}

const USABLE = "state = 'approved' AND used_at IS NULL AND usable_until IS NOT NULL";

/** The approval for exactly this that expires first; null where there is none, or none that is unused. */
export async function usableApproval(
  db: Database,
  { digest, at }: { readonly digest: string; readonly at: number },
): Promise<ApprovalRequest | null> {
  const [row] = await db.query({
    text: `SELECT ${COLUMNS} FROM approvals
           WHERE digest = $1::text AND ${USABLE} AND usable_until > $2::int8 ORDER BY usable_until LIMIT 1`,
    values: [column(digest) ?? "", integer(Math.trunc(at))],
  });
  return row === undefined ? null : toApproval(row);
}

/** When it was decided, epoch milliseconds; requests of before had no reviews. */
const DECIDED_AT = "coalesce((change::jsonb #>> '{reviews,-1,at}')::int8, requested_at)";

/**
 * That exactly this was left out of what was approved in advance, where that stands: for its window, and until
 * somebody decides anew.
 */
export async function leftOut(
  db: Database,
  { digest, at }: { readonly digest: string; readonly at: number },
): Promise<ApprovalRequest | null> {
  const [row] = await db.query({
    text: `SELECT ${COLUMNS} FROM approvals
           WHERE digest = $1::text AND state IN ('approved', 'denied') ORDER BY ${DECIDED_AT} DESC LIMIT 1`,
    values: [column(digest) ?? ""],
  });
  const last = row === undefined ? null : toApproval(row);
  return last?.state === "denied" && last.part != null && last.part.until > at ? last : null;
}

/** All that this person may still use. */
export async function unusedApprovals(
  db: Database,
  { person, at }: { readonly person: string; readonly at: number },
): Promise<ApprovalRequest[]> {
  const rows = await db.query({
    text: `SELECT ${COLUMNS} FROM approvals
           WHERE person = $1::text AND ${USABLE} AND usable_until > $2::int8 ORDER BY usable_until`,
    values: [column(person) ?? "", integer(Math.trunc(at))],
  });
  return rows.map(toApproval);
}

/** True for one caller alone: whoever comes second, on this node or another, gets false. */
export async function useApproval(db: Database, { id, digest, at, session }: ApprovalUse): Promise<boolean> {
  const rows = await db.query({
    text: `UPDATE approvals SET used_at = $3::int8, used_by = $4::text
           WHERE id = $1::text AND digest = $2::text AND ${USABLE} AND usable_until > $3::int8 RETURNING id`,
    values: [column(id) ?? "", column(digest) ?? "", integer(Math.trunc(at)), column(session)],
  });
  return rows.length > 0;
}
