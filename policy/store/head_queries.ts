/** Where the chain ends, and up to where a node's spool is in it. */
import { emptyChain, type Head } from "../audit/chain.ts";
import type { Row, Statement } from "./database.ts";
import type { Position } from "./spool_format.ts";

export const HEAD: Statement = {
  text: "SELECT sequence::text, hash FROM events ORDER BY events.sequence DESC LIMIT 1",
  values: [],
};

/**
 * The head, and up to where this node's spool is in the database: an earlier transaction, whose connection was lost
 * during the commit, may have come through since the position was asked for.
 */
export const headAndPosition = (node: string): Statement => ({
  text: `SELECT head.sequence::text, head.hash, place.segment::text, place.at::text
         FROM (SELECT) AS always
         LEFT JOIN LATERAL (SELECT sequence, hash FROM events ORDER BY events.sequence DESC LIMIT 1) AS head ON true
         LEFT JOIN spool_positions AS place ON place.node = $1::text`,
  values: [node],
});

/** Of the first two columns. */
export const headOf = (row: Row | undefined): Head =>
  row?.[0] == null ? emptyChain : { sequence: Number(row[0]), hash: row[1]! };

/** The beginning where there is none yet. */
export const positionOf = (segment?: string | null, at?: string | null): Position => ({
  segment: Number(segment ?? 0),
  offset: Number(at ?? 0),
});
