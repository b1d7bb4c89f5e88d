import "./support/gateway.ts";
