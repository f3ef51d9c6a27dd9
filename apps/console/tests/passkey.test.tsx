import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import axe from "axe-core";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { LoginForm } from "@/features/login/login-form";
import { AccountDialog } from "@/features/shell/account-dialog";

const calls: [string, string, unknown][] = [];
let offered: string[];
let refused: object | null;

/** What the browser gave back, as one without toJSON() shows it. */
const buffer = (...bytes: number[]): ArrayBuffer => Uint8Array.from(bytes).buffer;
const shown = {
  id: "AQI",
  type: "public-key",
  response: {
    clientDataJSON: buffer(1),
    authenticatorData: buffer(2),
    signature: buffer(251, 255),
    userHandle: buffer(4),
  },
};
const made = {
  id: "AQI",
  type: "public-key",
  response: { clientDataJSON: buffer(1), attestationObject: buffer(2) },
};
const credentials = { get: vi.fn(), create: vi.fn() };

function answerOf(path: string, method: string): object {
  if (path === "/console-config.json") return { passkeys: offered };
  if (path === "/v1/passkeys/options") return { challenge: "-_8", user: { id: "AQ", name: "ann", displayName: "ann" } };
  if (path === "/v1/passkeys" && method === "GET") return { items: [{ id: "passkey-1", name: "phone" }] };
  return { challenge: "-_8", userVerification: "required" };
}

beforeEach(() => {
  calls.length = 0;
  offered = [window.location.origin];
  refused = null;
  credentials.get.mockResolvedValue(shown);
  credentials.create.mockResolvedValue(made);
  vi.stubGlobal("PublicKeyCredential", class {});
  Object.defineProperty(navigator, "credentials", { value: credentials, configurable: true });
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    calls.push([init.method ?? "GET", path, JSON.parse(String(init.body ?? "null"))]);
    if (refused && init.method === "POST") return new Response(JSON.stringify(refused), { status: 401 });
    return new Response(JSON.stringify(answerOf(path, init.method ?? "GET")), { status: 200 });
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

it("signs in with what the browser shows, and says why it was refused", async () => {
  const user = userEvent.setup();
  refused = { title: "Unauthenticated", code: "unauthenticated", detail: "the passkey was not accepted" };
  render(<LoginForm />);
  await user.click(await screen.findByRole("button", { name: "Sign in with a passkey" }));
  expect((await screen.findByRole("alert")).textContent).toContain("the passkey was not accepted");
  expect(credentials.get.mock.lastCall?.[0].publicKey.challenge).toEqual(Uint8Array.from([251, 255]));
  const response = { clientDataJSON: "AQ", authenticatorData: "Ag", signature: "-_8", userHandle: "BA" };
  const credential = { id: "AQI", rawId: "AQI", type: "public-key", response };
  expect(calls.at(-1)).toEqual(["POST", "/v1/session/passkey", { credential }]);
});

it("what a person breaks off is said in words", async () => {
  const user = userEvent.setup();
  credentials.get.mockRejectedValue(new DOMException("no", "NotAllowedError"));
  render(<LoginForm />);
  await user.click(await screen.findByRole("button", { name: "Sign in with a passkey" }));
  expect((await screen.findByRole("alert")).textContent).toContain("No passkey used");
});

it("is not offered at another address", async () => {
  offered = ["https://ops.example.org"];
  render(<LoginForm />);
  await vi.waitFor(() => expect(calls.map(([, path]) => path)).toEqual(["/console-config.json"]));
  expect(screen.queryByRole("button", { name: "Sign in with a passkey" })).toBeNull();
});

it("adds and removes one's own", async () => {
  const user = userEvent.setup();
  HTMLDialogElement.prototype.showModal = function () {
    this.setAttribute("open", "");
  };
  render(<AccountDialog />);
  await user.click(screen.getByRole("button", { name: "My passkeys" }));
  await user.type(await screen.findByLabelText("Name of this device"), "laptop{Enter}");
  const response = { clientDataJSON: "AQ", attestationObject: "Ag" };
  const credential = { id: "AQI", rawId: "AQI", type: "public-key", response };
  await vi.waitFor(() => expect(calls).toContainEqual(["POST", "/v1/passkeys", { name: "laptop", credential }]));
  await user.click(await screen.findByRole("button", { name: "Remove phone" }));
  expect(calls).toContainEqual(["DELETE", "/v1/passkeys/passkey-1", null]);
  const found = await axe.run(document.body, {
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  expect(found.violations.map(({ id }) => id)).toEqual([]);
});
