import type { LucideIcon } from "lucide-react";

/** A small button of a bar; its name is what a screen reader says and what is shown on pointing at it. */
export function IconButton({ icon: Icon, name, onClick }: { icon: LucideIcon; name: string; onClick: () => void }) {
  return (
    <button
      type="button"
      aria-label={name}
      title={name}
      onClick={onClick}
      className="grid size-7 place-items-center rounded-sm text-ink-2 hover:bg-overlay hover:text-ink"
    >
      <Icon size={15} aria-hidden />
    </button>
  );
}
