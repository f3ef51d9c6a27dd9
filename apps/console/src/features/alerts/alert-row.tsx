import { Check } from "lucide-react";
import { SEVERITY, SeverityTag } from "@/kit/severity";
import { age, capital } from "@/lib/format";
import type { Alert } from "@/lib/model";

interface Props {
  alert: Alert;
  /** Server time, null before hydration. */
  now: number | null;
  selected: boolean;
  onSelect: () => void;
  onAcknowledge: () => void;
}

/** New for this long: one pulse, then it is a row like the others. */
const NEW_MS = 4000;

export function AlertRow({ alert, now, selected, onSelect, onAcknowledge }: Props) {
  const look = SEVERITY[alert.severity];
  const opened = Date.parse(alert.opened_at);
  const open = alert.state === "open";
  const arriving = now !== null && open && alert.severity === "extreme" && now - opened < NEW_MS;
  return (
    <li
      className={`group relative border-b border-line ${selected ? "bg-overlay" : "hover:bg-raised"} ${arriving ? "animate-arrive" : ""}`}
    >
      <span
        aria-hidden
        className={`absolute inset-y-0 left-0 w-[3px] ${open || selected ? look.edge : "bg-transparent"}`}
      />
      <button
        type="button"
        data-alert={alert.id}
        aria-current={selected || undefined}
        onClick={onSelect}
        className="grid w-full grid-cols-[52px_1fr] gap-x-2 py-2 pr-3 pl-3.5 text-left -outline-offset-2"
      >
        <span className={open ? "" : "opacity-75"}>
          <SeverityTag severity={alert.severity} />
        </span>
        <span className="min-w-0">
          <span className={`block leading-[18px] ${open ? "font-medium text-ink" : "text-ink-2"}`}>{alert.title}</span>
          <span className="mt-0.5 line-clamp-2 text-sm text-ink-2">{alert.text}</span>
          <span className="mt-1 flex h-6 items-center gap-2 text-sm text-ink-2">
            <span className="font-mono">{now === null ? "–" : age(now - opened)}</span>
            <span aria-hidden>·</span>
            <span>{capital(alert.certainty)}</span>
            {!open && (
              <>
                <span aria-hidden>·</span>
                <span className="truncate">
                  {capital(alert.state)}
                  {alert.acknowledged_by && ` by ${alert.acknowledged_by}`}
                </span>
              </>
            )}
          </span>
        </span>
      </button>
      {open && (
        <button
          type="button"
          onClick={onAcknowledge}
          aria-label={`Acknowledge: ${alert.title}`}
          className="absolute right-2 bottom-2 flex h-6 items-center gap-1 rounded-sm border border-line-strong bg-surface px-2 text-sm text-ink-2 hover:border-outline hover:bg-overlay hover:text-ink"
        >
          <Check size={13} aria-hidden /> Acknowledge
        </button>
      )}
    </li>
  );
}
