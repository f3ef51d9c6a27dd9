"use client";

import { KeyRound } from "lucide-react";
import { type FormEvent, useRef, useState } from "react";
import { Button } from "@/kit/button";
import { IconButton } from "@/kit/icon-button";
import { ProblemNotice } from "@/kit/notice";
import { api, asProblem, type Passkey, type Problem } from "@/lib/api";
import { addPasskey, passkeysOffered } from "@/lib/passkey";

/** One's own passkeys, behind their button. What it shows is asked for when it opens. */
export function AccountDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [passkeys, setPasskeys] = useState<Passkey[]>([]);
  const [offered, setOffered] = useState(false);
  const [name, setName] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);

  const doing = async (work: () => Promise<unknown>): Promise<void> => {
    setProblem(null);
    try {
      await work();
      setPasskeys((await api.passkeys()).items);
    } catch (error) {
      setProblem(asProblem(error));
    }
  };
  const open = (): void => {
    dialog.current?.showModal();
    void doing(async () => setOffered(await passkeysOffered()));
  };
  const add = (event: FormEvent): void => {
    event.preventDefault();
    void doing(async () => {
      await addPasskey(name.trim());
      setName("");
    });
  };

  return (
    <>
      <IconButton icon={KeyRound} name="My passkeys" onClick={open} />
      <dialog
        ref={dialog}
        aria-labelledby="account-title"
        className="m-auto w-96 rounded-md border border-line-strong bg-overlay p-4 text-ink shadow-2xl backdrop:bg-bg/70"
      >
        <h2 id="account-title" className="text-md font-semibold">
          Passkeys
        </h2>
        <ul className="mt-2 flex flex-col gap-1">
          {passkeys.map((one) => (
            <li key={one.id} className="flex items-center gap-2">
              <span className="min-w-0 flex-1 truncate">{one.name}</span>
              <span className="text-sm text-ink-3">{one.last_used_at ? "used" : "never used"}</span>
              <Button
                look="danger"
                aria-label={`Remove ${one.name}`}
                onClick={() => doing(() => api.removePasskey(one.id))}
              >
                Remove
              </Button>
            </li>
          ))}
        </ul>
        {passkeys.length === 0 && <p className="text-sm text-ink-3">You have none.</p>}
        {offered ? (
          <form onSubmit={add} className="mt-3 flex items-end gap-2">
            <label htmlFor="passkey-name" className="flex flex-1 flex-col gap-1 text-sm text-ink-2">
              Name of this device
              <input
                id="passkey-name"
                maxLength={64}
                value={name}
                onChange={(event) => setName(event.target.value)}
                className="h-8 rounded-sm border border-outline bg-bg px-2 text-base text-ink"
              />
            </label>
            <Button type="submit" look="primary" disabled={name.trim() === ""}>
              Add passkey
            </Button>
          </form>
        ) : (
          <p className="mt-2 text-sm text-ink-3">None can be added at this address or with this browser.</p>
        )}
        {problem && <ProblemNotice problem={problem} />}
        <div className="mt-3 flex justify-end">
          <Button onClick={() => dialog.current?.close()}>Close</Button>
        </div>
      </dialog>
    </>
  );
}
