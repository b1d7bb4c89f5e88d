import type { Protocol } from "../protocol.ts";
export const mysql: Protocol = {
  id: "mysql",
  defaultPort: 3306,
  serve: () => Promise.resolve(),
  refuse: (client) => void client.destroy(),
  query: () => Promise.resolve([]),
};
