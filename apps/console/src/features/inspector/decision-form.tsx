"use client";

import { type FormEvent, type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { Button } from "@/kit/button";

interface Props {
  kind: "approve" | "reject";
  asset: string;
  hash: string;
  onConfirm: (reason: string) => Promise<void>;
  onBack: () => void;
}

/** The second step: says once more what will happen. A rejection needs its reason. */
export function DecisionForm({ kind, asset, hash, onConfirm, onBack }: Props) {
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const inputId = useId();
  const approve = kind === "approve";

  useEffect(() => input.current?.focus(), []);

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (busy || (!approve && reason.trim() === "")) return;
    setBusy(true);
    await onConfirm(reason.trim());
    setBusy(false);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    // A key that is still held from the first step must not confirm the second.
    if (event.key === "Enter" && event.repeat) event.preventDefault();
    if (event.key === "Escape") {
      event.stopPropagation();
      onBack();
    }
  };

  return (
    <form onSubmit={submit} onKeyDown={onKeyDown} className="mt-2.5 border-t border-line-strong pt-2.5">
      <p className="text-sm text-ink-2">
        {approve ? (
          <>
            <span className="font-medium text-ink">{asset}</span> will be dispatched on plan{" "}
            <span className="font-mono text-ink">{hash}</span> as soon as you confirm.
          </>
        ) : (
          <>
            The plan <span className="font-mono text-ink">{hash}</span> will not be flown. Your reason is kept.
          </>
        )}
      </p>
      <label htmlFor={inputId} className="mt-2 block text-xs text-ink-2">
        {approve ? "Note (optional)" : "Reason (required)"}
      </label>
      <input
        id={inputId}
        ref={input}
        value={reason}
        maxLength={500}
        required={!approve}
        onChange={(event) => setReason(event.target.value)}
        className="mt-1 h-8 w-full rounded-sm border border-outline bg-bg px-2 text-base text-ink"
      />
      <div className="mt-2 grid grid-cols-2 gap-2">
        <Button
          type="submit"
          look={approve ? "primary" : "danger"}
          disabled={busy || (!approve && reason.trim() === "")}
          data-action="confirm"
        >
          {busy ? "Sending…" : approve ? "Confirm approval" : "Confirm rejection"}
        </Button>
        <Button look="quiet" onClick={onBack} disabled={busy}>
          Back
        </Button>
      </div>
    </form>
  );
}
