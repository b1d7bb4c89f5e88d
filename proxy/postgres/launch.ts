/** psql with a one-time password: in its environment, where its owner alone can read it. */
import type { ConnectWithPassword, Launch } from "../protocol.ts";
import { keywords } from "./connect_lines.ts";

export const launches = (request: ConnectWithPassword): readonly Launch[] => [
  { program: "psql", args: [keywords(request)], env: { PGPASSWORD: request.password } },
];
