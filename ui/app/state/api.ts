/** Asks the API. What fails comes as an ApiError with a text to show. */
import type { ErrorBody } from "../../contract.ts";
import { signedOut } from "./me.ts";

export class ApiError extends Error {
  constructor(
    /** 0 where Postern could not be reached. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

export function get<T>(path: string): Promise<T> {
  return ask<T>(path, { method: "GET" });
}

export function post<T>(path: string, body: unknown): Promise<T> {
  return ask<T>(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", "postern-request": "1" },
  });
}

async function ask<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, credentials: "same-origin", cache: "no-store" });
  } catch {
    throw new ApiError(
      0,
      "Offline",
      "Postern cannot be reached",
      "Check your network; this page tries again",
    );
  }
  if (response.ok) return await response.json();
  if (response.status === 401) signedOut();
  throw await refusalOf(response);
}

export async function refusalOf(response: Response): Promise<ApiError> {
  try {
    const { error }: ErrorBody = await response.json();
    return new ApiError(response.status, error.code, error.message, error.hint ?? "");
  } catch {
    // A proxy in front answers in its own way.
    return new ApiError(response.status, "Unknown", `The answer was ${response.status}`, "Try again");
  }
}

export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  return new ApiError(0, "Unknown", "Something failed in this page", "Reload it");
}
