import "./support/gateway.ts";
Deno.test("x", () => {});
