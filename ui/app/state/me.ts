/** Who is signed in, in this tab. */
import { computed, signal } from "@preact/signals";
import type { Me, Role } from "../../contract.ts";

export type MeState =
  | { readonly kind: "loading" }
  | { readonly kind: "out" }
  | { readonly kind: "in"; readonly me: Me }
  | { readonly kind: "failed"; readonly message: string; readonly hint: string };

export const meState = signal<MeState>({ kind: "loading" });

export const me = computed<Me | null>(() => meState.value.kind === "in" ? meState.value.me : null);

export function signedOut(): void {
  meState.value = { kind: "out" };
}

export function hasRole(...roles: Role[]): boolean {
  return me.value?.roles.some((role) => roles.includes(role)) ?? false;
}
