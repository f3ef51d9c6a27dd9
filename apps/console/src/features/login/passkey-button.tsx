"use client";

import { useEffect, useState } from "react";
import { Button } from "@/kit/button";
import { asProblem, type Problem } from "@/lib/api";
import { passkeysOffered, signInWithPasskey } from "@/lib/passkey";

/** Nothing where the browser or the gateway has no passkeys. */
export function PasskeyButton({ onProblem }: { onProblem: (problem: Problem | null) => void }) {
  const [offered, setOffered] = useState(false);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    passkeysOffered().then(setOffered);
  }, []);
  if (!offered) return null;

  const signIn = async (): Promise<void> => {
    setBusy(true);
    onProblem(null);
    try {
      await signInWithPasskey();
      window.location.assign("/");
    } catch (error) {
      onProblem(asProblem(error));
      setBusy(false);
    }
  };

  return (
    <Button className="h-9" disabled={busy} onClick={signIn}>
      {busy ? "Waiting for your device…" : "Sign in with a passkey"}
    </Button>
  );
}
