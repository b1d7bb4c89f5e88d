import type { Protocol } from "../protocol.ts";
export const postgresql: Protocol = {
  id: "postgresql",
  defaultPort: 5432,
  serve: () => Promise.resolve(),
  refuse: (client) => void client.destroy(),
  query: () => Promise.resolve([]),
};
