import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import axe from "axe-core";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { AlertRow } from "@/features/alerts/alert-row";
import { DecisionCard } from "@/features/inspector/decision-card";
import { LoginForm } from "@/features/login/login-form";
import { useUi } from "@/state/ui";
import { alert, task } from "./builders";

const calls: [string, unknown][] = [];
let answer: { status: number; body: object };

beforeEach(() => {
  calls.length = 0;
  answer = { status: 200, body: {} };
  useUi.setState({ principal: { id: "p", name: "J. Alvarez", role: "commander" }, selection: null });
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    calls.push([path, JSON.parse(String(init.body ?? "null"))]);
    return new Response(JSON.stringify(answer.body), { status: answer.status });
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

async function violations(): Promise<string[]> {
  const rules = { "color-contrast": { enabled: false }, region: { enabled: false } };
  return (await axe.run(document.body, { rules })).violations.map(({ id }) => id);
}

it("approves in two steps, bound to the plan that was shown, and stays with the task", async () => {
  const user = userEvent.setup();
  render(<DecisionCard task={task()} />);
  screen.getByRole("button", { name: "Approve…" }).focus();
  await user.keyboard("{Enter}");
  expect(calls).toHaveLength(0);
  expect(await violations()).toEqual([]);
  await user.click(screen.getByRole("button", { name: "Confirm approval" }));
  expect(calls).toEqual([["/v1/tasks/tsk-1/approve", { plan_hash: "sha256:3f9a2c1b77d0" }]]);
  expect(useUi.getState().selection).toEqual({ type: "tasks", key: "tsk-1" });
});

it("rejects only with a reason", async () => {
  const user = userEvent.setup();
  render(<DecisionCard task={task()} />);
  await user.click(screen.getByRole("button", { name: "Reject…" }));
  const confirm = screen.getByRole<HTMLButtonElement>("button", { name: "Confirm rejection" });
  expect(confirm.disabled).toBe(true);
  await user.type(screen.getByLabelText("Reason (required)"), "smoke test drill{Enter}");
  expect(calls).toEqual([["/v1/tasks/tsk-1/reject", { plan_hash: "sha256:3f9a2c1b77d0", reason: "smoke test drill" }]]);
});

it("shows why the gateway refused, in words", async () => {
  const user = userEvent.setup();
  answer = { status: 409, body: { title: "Conflict", code: "plan_changed", detail: "the plan is another one" } };
  render(<DecisionCard task={task()} />);
  await user.click(screen.getByRole("button", { name: "Approve…" }));
  await user.click(screen.getByRole("button", { name: "Confirm approval" }));
  const notice = await screen.findByRole("alert");
  expect(notice.textContent).toContain("the plan is another one");
  expect(notice.textContent).toContain("Read the new plan");
});

it("tells an operator who decides instead", () => {
  useUi.setState({ principal: { id: "p", name: "O", role: "operator" } });
  render(<DecisionCard task={task()} />);
  expect(screen.getByRole<HTMLButtonElement>("button", { name: "Approve…" }).disabled).toBe(true);
  expect(screen.getByText(/A commander decides/)).toBeTruthy();
});

it("does not offer a decision whose time has passed", () => {
  render(<DecisionCard task={task({ approve_before: "2020-01-01T00:00:00Z" })} />);
  expect(screen.getByText(/time to decide has passed/)).toBeTruthy();
});

it("alert rows say severity in words and acknowledge apart from selecting", async () => {
  const user = userEvent.setup();
  const [onSelect, onAcknowledge] = [vi.fn(), vi.fn()];
  const now = Date.parse("2026-11-23T00:03:13Z");
  render(
    <ul>
      <AlertRow alert={alert()} now={now} selected={false} onSelect={onSelect} onAcknowledge={onAcknowledge} />
    </ul>,
  );
  expect(screen.getByText("CRIT")).toBeTruthy();
  expect(screen.getByText("03:13")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Acknowledge: Fire located" }));
  expect([onAcknowledge.mock.calls.length, onSelect.mock.calls.length]).toEqual([1, 0]);
  expect(await violations()).toEqual([]);
});

it("asks for a code and a new password when the gateway wants them", async () => {
  const user = userEvent.setup();
  answer = { status: 401, body: { title: "Unauthenticated", code: "code_required", detail: "send the code" } };
  render(<LoginForm />);
  await user.click(screen.getByRole("button", { name: "Sign in with name and password" }));
  await user.type(screen.getByLabelText("Name"), "ann");
  await user.type(screen.getByLabelText("Password"), "some words of mine{Enter}");
  answer = { status: 403, body: { title: "Forbidden", code: "password_change_required", detail: "another" } };
  await user.type(await screen.findByLabelText("Code of your authenticator"), "123456{Enter}");
  expect(await screen.findByLabelText(/^New password/)).toBeTruthy();
  const given = { user: "ann", password: "some words of mine" };
  expect(calls).toEqual([
    ["/v1/session", given],
    ["/v1/session", { ...given, code: "123456" }],
  ]);
  expect(await violations()).toEqual([]);
});

it("a wrong key reads as such, and never leaves the form by URL", async () => {
  const user = userEvent.setup();
  answer = { status: 401, body: { title: "Unauthenticated", code: "unauthenticated", detail: "x" } };
  render(<LoginForm />);
  await user.type(screen.getByLabelText("API key"), "wrong{Enter}");
  expect((await screen.findByRole("alert")).textContent).toContain("Key not accepted");
  expect(calls).toEqual([["/v1/session", { key: "wrong" }]]);
  expect(await violations()).toEqual([]);
});
