/** The stock clients with a one-time password: in their environment, where its owner alone can read it. */
import type { ConnectWithPassword, Launch } from "../protocol.ts";
import { clientWords } from "./connect_lines.ts";

export const launches = (request: ConnectWithPassword): readonly Launch[] =>
  clientWords(request).map(({ name, words }) => ({
    program: name,
    args: words,
    env: { MYSQL_PWD: request.password },
  }));
