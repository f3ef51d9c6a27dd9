"use client";

import { type FormEvent, useState } from "react";
import { Button } from "@/kit/button";
import { ProblemNotice } from "@/kit/notice";
import { api, asProblem, Problem, type SignIn } from "@/lib/api";
import { PasskeyButton } from "./passkey-button";

type Fields = { key: string; user: string; password: string; code: string; new_password: string };
type Field = keyof Fields;

const EMPTY: Fields = { key: "", user: "", password: "", code: "", new_password: "" };
const LABELS: Record<Field, string> = {
  key: "API key",
  user: "Name",
  password: "Password",
  code: "Code of your authenticator",
  new_password: "New password (at least 12 characters)",
};
const FILLED: Record<Field, string> = {
  key: "current-password",
  user: "username",
  password: "current-password",
  code: "one-time-code",
  new_password: "new-password",
};
/** What the gateway asks for beyond name and password. */
const ASKED: Record<string, Field> = { code_required: "code", password_change_required: "new_password" };

export function LoginForm() {
  const [fields, setFields] = useState(EMPTY);
  const [shown, setShown] = useState<Field[]>(["key"]);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const byKey = shown[0] === "key";

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    const given = Object.fromEntries(
      shown.map((name) => [name, name.includes("password") ? fields[name] : fields[name].trim()]),
    );
    try {
      await api.signIn(given as SignIn);
      window.location.assign("/");
    } catch (error) {
      const refused = asProblem(error);
      const asked = ASKED[refused.code];
      if (asked) setShown([...shown.filter((name) => name !== asked), asked]);
      setProblem(readable(refused, byKey));
      setBusy(false);
    }
  };

  const other = (): void => {
    setShown(byKey ? ["user", "password"] : ["key"]);
    setProblem(null);
  };

  return (
    <form onSubmit={submit} className="mt-5 flex flex-col gap-3">
      {shown.map((name) => (
        <label key={name} htmlFor={name} className="flex flex-col gap-1 text-sm text-ink-2">
          {LABELS[name]}
          <input
            id={name}
            type={name === "user" || name === "code" ? "text" : "password"}
            autoComplete={FILLED[name]}
            required
            value={fields[name]}
            onChange={(event) => setFields({ ...fields, [name]: event.target.value })}
            className="h-9 rounded-sm border border-outline bg-bg px-2.5 font-mono text-base text-ink"
          />
        </label>
      ))}
      {problem && <ProblemNotice problem={problem} />}
      <Button
        type="submit"
        look="primary"
        className="h-9"
        disabled={busy || shown.some((name) => fields[name].trim() === "")}
      >
        {busy ? "Signing in…" : "Sign in"}
      </Button>
      <Button type="button" className="h-9" onClick={other}>
        {byKey ? "Sign in with name and password" : "Sign in with a key"}
      </Button>
      <PasskeyButton onProblem={setProblem} />
      {byKey && (
        <p className="text-sm text-ink-3">
          The first administrator key is in the file that the start-up line names. It is sent once and kept in a cookie
          that scripts cannot read.
        </p>
      )}
    </form>
  );
}

function readable(problem: Problem, byKey: boolean): Problem {
  if (problem.status !== 401 || !byKey) return problem;
  return new Problem(
    401,
    problem.code,
    "Key not accepted",
    "This key is unknown or was revoked. Check it and try again.",
  );
}
