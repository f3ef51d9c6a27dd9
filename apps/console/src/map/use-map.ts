// The only door from the map to React.
"use client";

import { type RefObject, useEffect, useRef, useState } from "react";
import type { LatLon } from "@/lib/geo";
import { useUi } from "@/state/ui";
import { world } from "@/stream/use-stream";
import { MapView } from "./map-view";
import { installProbe } from "./probe";

export interface MapHandle {
  view: MapView | null;
  pointer: LatLon | null;
  baseMap: "loading" | "ready" | "failed";
  failure: string | null;
}

let shared: MapView | null = null;

/** For keys and lists that move the map; null while no map is mounted. */
export function currentMap(): MapView | null {
  return shared;
}

export function useMap(container: RefObject<HTMLElement | null>): MapHandle {
  const [handle, setHandle] = useState<MapHandle>({ view: null, pointer: null, baseMap: "loading", failure: null });
  const viewRef = useRef<MapView | null>(null);
  const { selection, follow, hidden, select, setFollow } = useUi();

  useEffect(() => {
    if (!container.current) return;
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const patch = (part: Partial<MapHandle>): void => setHandle((old) => ({ ...old, ...part }));
    let cancelled = false;
    const element = container.current;
    // The font must be there before the first glyph is drawn, else the fallback font stays in the atlas.
    void document.fonts.load('12px "IBM Plex Sans"').then(() => {
      if (cancelled) return;
      try {
        const view = new MapView(
          element,
          world,
          {
            onSelect: select,
            onPointer: (pointer) => patch({ pointer }),
            onBaseMap: (baseMap) => patch({ baseMap }),
            onMoved: () => setFollow(false),
          },
          calm,
        );
        viewRef.current = view;
        shared = view;
        installProbe(world, view);
        patch({ view });
      } catch (error) {
        patch({ failure: error instanceof Error ? error.message : String(error) });
      }
    });
    return () => {
      cancelled = true;
      viewRef.current?.destroy();
      viewRef.current = null;
      shared = null;
    };
  }, [container, select, setFollow]);

  useEffect(() => handle.view?.setSelection(selection, follow), [handle.view, selection, follow]);
  useEffect(() => handle.view?.setHidden(hidden), [handle.view, hidden]);
  return handle;
}
