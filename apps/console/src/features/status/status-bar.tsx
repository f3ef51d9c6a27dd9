"use client";

import { Flame, LogOut } from "lucide-react";
import { AccountDialog } from "@/features/shell/account-dialog";
import { IconButton } from "@/kit/icon-button";
import { SEVERITY } from "@/kit/severity";
import { api } from "@/lib/api";
import { age, capital, clockZ, words } from "@/lib/format";
import { mainIncident } from "@/lib/incidents";
import type { IncidentState } from "@/lib/model";
import { useUi } from "@/state/ui";
import { type LinkView, STALE_MS } from "@/stream/link";
import { useLink, useList, useServerNow } from "@/stream/use-stream";
import { Finder } from "./finder";

const STATE_TONE: Partial<Record<IncidentState, string>> = {
  suspected: "border-medium/60 text-medium",
  confirmed: "border-critical/60 text-critical",
};

export function StatusBar() {
  const select = useUi((ui) => ui.select);
  const incident = mainIncident(useList("incidents"));
  return (
    <header className="flex h-10 items-center gap-3 border-b border-line bg-surface pr-2 pl-3 max-lg:gap-2">
      <h1 className="sr-only">Summit OS, live picture</h1>
      {incident ? (
        <button
          type="button"
          className="flex h-7 min-w-0 items-center gap-2 rounded-sm px-1 text-md font-semibold hover:bg-overlay"
          onClick={() => select({ type: "incidents", key: incident.id })}
        >
          <Flame size={15} className="shrink-0 text-critical" aria-hidden />
          <span className="truncate">{incident.title}</span>
          <span
            className={`rounded-sm border px-1.5 text-xs font-medium ${STATE_TONE[incident.state] ?? "border-outline text-ink-2"}`}
          >
            {capital(words(incident.state))}
          </span>
        </button>
      ) : (
        <span className="text-md text-ink-2">No open incident</span>
      )}
      <LinkChip />
      <div className="flex-1" />
      <Finder />
      <div className="flex-1" />
      <SeverityCounts />
      <Clock />
      <Who />
    </header>
  );
}

const CHIP: Record<LinkView["state"], { word: string; tone: string }> = {
  connecting: { word: "CONNECTING", tone: "border-outline text-ink-2" },
  live: { word: "LIVE", tone: "border-ok/60 bg-ok/10 text-ok" },
  stale: { word: "STALE", tone: "border-high bg-high/15 text-high" },
  down: { word: "LINK DOWN", tone: "border-critical bg-critical/15 text-critical" },
  "signed-out": { word: "SIGNED OUT", tone: "border-critical bg-critical/15 text-critical" },
};

function LinkChip() {
  const { state, ageMs } = useLink();
  const { word, tone } = CHIP[state];
  const fresh = ageMs !== null && ageMs < 10_000;
  const upstream = state === "stale" && ageMs !== null && ageMs < STALE_MS;
  return (
    <div
      className={`flex h-[22px] shrink-0 items-center gap-1.5 rounded-sm border px-2 text-xs font-semibold ${tone}`}
      title={upstream ? "The gateway answers, but its own picture is old" : "Age of the last message from the gateway"}
    >
      <span aria-hidden className="size-1.5 rounded-full bg-current" />
      <span role="status">{upstream ? "SOURCE STALE" : word}</span>
      {ageMs !== null && (
        <span className="min-w-[38px] text-right font-mono font-medium">
          {fresh ? `${(ageMs / 1000).toFixed(1)} s` : age(ageMs)}
        </span>
      )}
    </div>
  );
}

function SeverityCounts() {
  const open = useList("alerts").filter(({ state }) => state === "open" || state === "acknowledged");
  return (
    <ul className="flex shrink-0 items-center gap-3 max-sm:hidden" aria-label="Alerts by severity">
      {(["extreme", "severe", "moderate", "minor"] as const).map((severity) => {
        const { shape, word, text } = SEVERITY[severity];
        const count = open.filter((alert) => alert.severity === severity).length;
        return (
          <li
            key={severity}
            title={word}
            className={`flex items-center gap-1 font-mono text-base ${count ? text : "text-ink-3"}`}
          >
            <span aria-hidden className="text-xs">
              {shape}
            </span>
            {count}
            <span className="sr-only">{word}</span>
          </li>
        );
      })}
    </ul>
  );
}

function Clock() {
  const now = useServerNow(500);
  return (
    <time
      className="shrink-0 whitespace-nowrap border-l border-line pl-3 font-mono text-base text-ink max-md:hidden"
      title="Server time, UTC"
    >
      {now === null ? "--:--:-- Z" : clockZ(now)}
    </time>
  );
}

function Who() {
  const principal = useUi((ui) => ui.principal);
  const leave = async (): Promise<void> => {
    await api.signOut().catch(() => undefined);
    window.location.assign("/login/");
  };
  return (
    <div className="flex shrink-0 items-center gap-1 border-l border-line pl-3">
      {principal && (
        <span className="flex items-baseline gap-1.5 max-md:hidden">
          <span className="max-w-[140px] truncate font-medium">{principal.name}</span>
          <span className="text-sm text-ink-3">{principal.role}</span>
        </span>
      )}
      <AccountDialog />
      <IconButton icon={LogOut} name="Sign out" onClick={leave} />
    </div>
  );
}
