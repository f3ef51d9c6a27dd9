"use client";

import { type FormEvent, useState } from "react";
import { Button } from "@/kit/button";
import { ProblemNotice } from "@/kit/notice";
import { api, asProblem, Problem } from "@/lib/api";

export function LoginForm() {
  const [key, setKey] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await api.signIn(key.trim());
      window.location.assign("/");
    } catch (error) {
      setProblem(readable(asProblem(error)));
      setBusy(false);
    }
  };

  return (
    <form onSubmit={submit} className="mt-5 flex flex-col gap-3">
      <label htmlFor="key" className="flex flex-col gap-1 text-sm text-ink-2">
        API key
        <input
          id="key"
          type="password"
          autoComplete="current-password"
          required
          value={key}
          onChange={(event) => setKey(event.target.value)}
          className="h-9 rounded-sm border border-outline bg-bg px-2.5 font-mono text-base text-ink"
        />
      </label>
      {problem && <ProblemNotice problem={problem} />}
      <Button type="submit" look="primary" className="h-9" disabled={busy || key.trim() === ""}>
        {busy ? "Signing in…" : "Sign in"}
      </Button>
      <p className="text-sm text-ink-3">
        The first administrator key is in the file that the start-up line names. It is sent once and kept in a cookie
        that scripts cannot read.
      </p>
    </form>
  );
}

function readable(problem: Problem): Problem {
  if (problem.status !== 401) return problem;
  return new Problem(
    401,
    problem.code,
    "Key not accepted",
    "This key is unknown or was revoked. Check it and try again.",
  );
}
