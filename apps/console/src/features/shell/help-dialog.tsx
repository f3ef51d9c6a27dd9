"use client";

import { useEffect, useRef } from "react";
import { Button } from "@/kit/button";
import { useUi } from "@/state/ui";
import { KEYS } from "./keys";

export function HelpDialog() {
  const { helpOpen, toggle } = useUi();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (helpOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [helpOpen]);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="help-title"
      onClose={() => useUi.getState().helpOpen && toggle("helpOpen")}
      className="m-auto w-96 rounded-md border border-line-strong bg-overlay p-4 text-ink shadow-2xl backdrop:bg-bg/70"
    >
      <h2 id="help-title" className="text-md font-semibold">
        Keyboard
      </h2>
      <KeyList />
      <div className="mt-3 flex justify-end">
        <Button onClick={() => toggle("helpOpen")}>Close</Button>
      </div>
    </dialog>
  );
}

export function KeyList() {
  return (
    <dl className="mt-2 grid grid-cols-[80px_1fr] gap-y-1.5">
      {KEYS.map(([key, what]) => (
        <div key={key} className="contents">
          <dt>
            <kbd className="rounded-sm border border-line-strong bg-surface px-1.5 py-px font-mono text-sm text-ink">
              {key}
            </kbd>
          </dt>
          <dd className="text-ink-2">{what}</dd>
        </div>
      ))}
    </dl>
  );
}
