/** What the dashboard's API says and the app reads: JSON bodies as zod schemas. Times are epoch milliseconds. */
export * from "./contract/access.ts";
export * from "./contract/common.ts";
export * from "./contract/connect.ts";
export * from "./contract/console.ts";
export * from "./contract/detections.ts";
export * from "./contract/deliveries.ts";
export * from "./contract/integrity.ts";
export * from "./contract/live.ts";
export * from "./contract/overview.ts";
export * from "./contract/policy.ts";
export * from "./contract/requests.ts";
export * from "./contract/search.ts";
export * from "./contract/sessions.ts";
export * from "./contract/stream.ts";
