"use client";

import { CloudOff, LoaderCircle, MapPinOff, Radar } from "lucide-react";
import { useRef } from "react";
import { Empty } from "@/kit/notice";
import { latLon } from "@/lib/format";
import { useMap } from "@/map/use-map";
import { useLink, useList, useReady } from "@/stream/use-stream";
import { DecisionPill } from "./decision-pill";
import { MapLegend } from "./legend";
import { MapTools } from "./map-tools";

export default function MapPanel() {
  const container = useRef<HTMLDivElement>(null);
  const { view, pointer, baseMap, failure } = useMap(container);
  const { state } = useLink();
  return (
    <section
      id="map"
      tabIndex={-1}
      aria-label="Map"
      className="relative h-full min-w-0 overflow-hidden bg-[#0a1016] -outline-offset-2"
    >
      <div
        ref={container}
        className={`h-full w-full transition-[filter] duration-300 ${state === "down" || state === "signed-out" ? "brightness-[0.6] grayscale" : ""}`}
      />
      <div aria-hidden className="map-vignette pointer-events-none absolute inset-0" />
      {view && <MapTools view={view} />}
      <MapLegend />
      <DecisionPill />
      <Overlay failure={failure} />
      <p className="pointer-events-none absolute right-2 bottom-1 text-xs text-ink-3">
        {pointer && (
          <span className="mr-3 text-ink-2">
            {view?.placeAt(pointer)} <span className="ml-1 font-mono">{latLon(pointer.lat, pointer.lon)}</span>
          </span>
        )}
        {baseMap === "failed" ? "Base map not available" : "Natural Earth · US Census"}
      </p>
    </section>
  );
}

/** What stands between the operator and a live picture, in words, over the map. */
function Overlay({ failure }: { failure: string | null }) {
  const { state } = useLink();
  const ready = useReady();
  const entities = useList("entities").length;
  if (failure) {
    return (
      <Card>
        <Empty icon={<MapPinOff size={22} aria-hidden />} title="The map cannot be drawn">
          This browser offers no WebGL2 ({failure}). Alerts and decisions work without it.
        </Empty>
      </Card>
    );
  }
  if (state === "down") {
    return (
      <p
        role="alert"
        className="absolute top-14 left-1/2 flex -translate-x-1/2 items-center gap-2 rounded-md border border-critical bg-surface px-3 py-2 font-medium text-critical shadow-lg"
      >
        <CloudOff size={15} aria-hidden /> Link down: this is the last picture that arrived. Reconnecting…
      </p>
    );
  }
  if (ready && entities > 0) return null;
  return (
    <Card>
      {ready ? (
        <Empty icon={<Radar size={22} aria-hidden />} title="Nothing in the picture yet">
          The link is live. Entities appear as soon as a source reports.
        </Empty>
      ) : (
        <Empty icon={<LoaderCircle size={22} className="animate-spin" aria-hidden />} title="Loading the picture">
          Waiting for the first snapshot.
        </Empty>
      )}
    </Card>
  );
}

function Card({ children }: { children: React.ReactNode }) {
  return (
    <div className="pointer-events-none absolute inset-0 grid place-items-center">
      <div className="w-72 rounded-md border border-line bg-surface/95 shadow-lg">{children}</div>
    </div>
  );
}
