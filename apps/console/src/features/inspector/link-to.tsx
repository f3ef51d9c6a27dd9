"use client";

import type { WorldType } from "@/lib/model";
import { useUi } from "@/state/ui";

export function LinkTo({ type, id, name }: { type: WorldType; id: string; name: string }) {
  const select = useUi((ui) => ui.select);
  return (
    <button
      type="button"
      className="rounded-sm text-right text-accent hover:underline"
      onClick={() => select({ type, key: id })}
    >
      {name}
    </button>
  );
}
