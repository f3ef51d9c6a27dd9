// The gateway's REST calls. Every failure is a Problem (RFC 9457) that an operator can read.
import type { Lineage, Principal } from "./model";

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail);
  }
}

export type SignIn = { key: string } | { user: string; password: string; code?: string; new_password?: string };

export type Passkey = { id: string; name: string; created_at: string; last_used_at?: string | null };

const SESSION = "/v1/session";
const BY_PASSKEY = `${SESSION}/passkey`;
const SIGNS_IN = new Set([SESSION, BY_PASSKEY]);
let renewing: Promise<boolean> | null = null;

/** Renews the session by its cookie. One at a time: a token is good once; 409 is another window that has just done it. */
function renew(): Promise<boolean> {
  renewing ??= fetch(`${SESSION}/refresh`, {
    method: "POST",
    credentials: "same-origin",
    headers: { "X-Summit-Request": "1" },
  })
    .then(({ ok, status }) => ok || status === 409)
    .catch(() => false)
    .finally(() => {
      renewing = null;
    });
  return renewing;
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  try {
    return await once<T>(method, path, body);
  } catch (error) {
    const ended = error instanceof Problem && error.status === 401 && !(method === "POST" && SIGNS_IN.has(path));
    if (!ended || !(await renew())) throw error;
    return once<T>(method, path, body);
  }
}

async function once<T>(method: string, path: string, body?: unknown): Promise<T> {
  // The header proves that our own page asks: another site cannot make a browser send it (docs/adr/0005).
  const headers: Record<string, string> = { Accept: "application/json", "X-Summit-Request": "1" };
  const init: RequestInit = { method, credentials: "same-origin", headers };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    headers["Content-Type"] = "application/json";
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new Problem(0, "unreachable", "No connection", "The gateway does not answer. Nothing was changed.");
  }
  const text = await response.text();
  if (!response.ok) throw toProblem(response.status, text);
  return (text ? JSON.parse(text) : undefined) as T;
}

function toProblem(status: number, text: string): Problem {
  let fields: Record<string, unknown> = {};
  try {
    fields = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // A proxy in between may answer in HTML; the status alone then has to do.
  }
  const field = (name: string, otherwise: string): string => {
    const value = fields[name];
    return typeof value === "string" && value ? value : otherwise;
  };
  return new Problem(
    status,
    field("code", `http_${status}`),
    field("title", `Error ${status}`),
    field("detail", "The gateway gave no reason."),
  );
}

const id = encodeURIComponent;

export const api = {
  signIn: (by: SignIn): Promise<Principal> => call("POST", SESSION, by),
  whoAmI: (): Promise<Principal> => call("GET", SESSION),
  config: (): Promise<{ passkeys?: string[] }> => call("GET", "/console-config.json"),
  passkeyToShow: (): Promise<unknown> => call("GET", BY_PASSKEY),
  signInByPasskey: (credential: unknown): Promise<Principal> => call("POST", BY_PASSKEY, { credential }),
  passkeys: (): Promise<{ items: Passkey[] }> => call("GET", "/v1/passkeys"),
  passkeyToMake: (): Promise<unknown> => call("GET", "/v1/passkeys/options"),
  addPasskey: (name: string, credential: unknown): Promise<Passkey> =>
    call("POST", "/v1/passkeys", { name, credential }),
  removePasskey: (passkey: string): Promise<void> => call("DELETE", `/v1/passkeys/${id(passkey)}`),
  signOut: (): Promise<void> => call("DELETE", SESSION),
  acknowledge: (alert: string): Promise<unknown> => call("POST", `/v1/alerts/${id(alert)}/ack`, {}),
  approve: (task: string, plan_hash: string, reason: string): Promise<unknown> =>
    call("POST", `/v1/tasks/${id(task)}/approve`, reason ? { plan_hash, reason } : { plan_hash }),
  reject: (task: string, plan_hash: string, reason: string): Promise<unknown> =>
    call("POST", `/v1/tasks/${id(task)}/reject`, { plan_hash, reason }),
  lineage: (of: string): Promise<Lineage> => call("GET", `/v1/lineage/${id(of)}`),
};

export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, "internal", "Unexpected error", String(error));
}
