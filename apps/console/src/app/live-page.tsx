"use client";

import dynamic from "next/dynamic";
import { AlertsColumn } from "@/features/alerts/alerts-column";
import { Inspector } from "@/features/inspector/inspector";
import { HelpDialog } from "@/features/shell/help-dialog";
import { NavRail } from "@/features/shell/nav-rail";
import { toLogin, useSession } from "@/features/shell/use-session";
import { useShortcuts } from "@/features/shell/use-shortcuts";
import { StatusBar } from "@/features/status/status-bar";
import { Timeline } from "@/features/timeline/timeline";
import { useUi } from "@/state/ui";
import { useStream } from "@/stream/use-stream";

const MapPanel = dynamic(() => import("@/features/map/map-panel"), { ssr: false });

export function LivePage() {
  useSession();
  useStream(toLogin);
  useShortcuts();
  const { alertsOpen, inspectorOpen, selection } = useUi();
  return (
    <div className="grid h-dvh grid-cols-[52px_minmax(0,1fr)] grid-rows-[minmax(0,1fr)] overflow-hidden max-sm:grid-cols-1 max-sm:grid-rows-[minmax(0,1fr)_52px]">
      <a
        href="#map"
        className="absolute -top-10 left-2 z-50 rounded-sm bg-accent px-3 py-1.5 font-medium text-bg focus:top-2"
      >
        Skip to the map
      </a>
      <div className="contents max-sm:*:first:order-2">
        <NavRail />
      </div>
      <div className="flex min-h-0 min-w-0 flex-col">
        <StatusBar />
        <main className="relative flex min-h-0 flex-1 max-sm:flex-col">
          {alertsOpen && (
            <div className="flex w-80 shrink-0 flex-col border-r border-line bg-surface max-lg:w-72 max-sm:order-2 max-sm:h-2/5 max-sm:w-full max-sm:border-t max-sm:border-r-0">
              <AlertsColumn />
            </div>
          )}
          <div className="min-h-0 min-w-0 flex-1">
            <MapPanel />
          </div>
          {inspectorOpen && (
            <div
              className={`flex w-[340px] shrink-0 flex-col border-l border-line bg-surface max-xl:absolute max-xl:inset-y-0 max-xl:right-0 max-xl:z-30 max-xl:shadow-2xl max-sm:w-full ${selection ? "" : "max-xl:hidden"}`}
            >
              <Inspector />
            </div>
          )}
        </main>
        <div className="max-sm:hidden">
          <Timeline />
        </div>
      </div>
      <HelpDialog />
    </div>
  );
}
