"use client";

import { Crosshair, Layers, Maximize, Minus, Plus } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import type { MapView } from "@/map/map-view";
import { LAYERS, type LayerName, useUi } from "@/state/ui";

/** The tool strip that floats over the map. */
export function MapTools({ view }: { view: MapView }) {
  const { selection, follow, setFollow } = useUi();
  const canFollow = selection?.type === "entities";
  return (
    <div className="absolute top-2.5 left-2.5 flex items-start gap-2" role="toolbar" aria-label="Map tools">
      <div className="flex rounded-md border border-line bg-surface/95 p-1">
        <LayerMenu />
        <Tool label="Fit all" onClick={() => view.fit()}>
          <Maximize size={14} aria-hidden />
          <span className="max-sm:hidden">Fit all</span>
        </Tool>
        <Tool
          label="Follow the selection (f)"
          pressed={follow}
          disabled={!canFollow}
          onClick={() => setFollow(!follow)}
        >
          <Crosshair size={14} aria-hidden />
          <span className="max-sm:hidden">Follow</span>
        </Tool>
      </div>
      <div className="flex rounded-md border border-line bg-surface/95 p-1">
        <Tool label="Zoom in" onClick={() => view.zoom(1)}>
          <Plus size={14} aria-hidden />
        </Tool>
        <Tool label="Zoom out" onClick={() => view.zoom(-1)}>
          <Minus size={14} aria-hidden />
        </Tool>
      </div>
    </div>
  );
}

interface ToolProps {
  label: string;
  pressed?: boolean;
  expanded?: boolean;
  disabled?: boolean;
  onClick: () => void;
  children: ReactNode;
}

function Tool({ label, pressed, expanded, disabled, onClick, children }: ToolProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      aria-expanded={expanded}
      disabled={disabled}
      onClick={onClick}
      className={`flex h-7 items-center gap-1.5 rounded-sm px-2 text-base disabled:text-ink-3/70 ${pressed || expanded ? "bg-overlay text-accent" : "text-ink-2 enabled:hover:bg-overlay enabled:hover:text-ink"}`}
    >
      {children}
    </button>
  );
}

function LayerMenu() {
  const [open, setOpen] = useState(false);
  const { hidden, toggleLayer } = useUi();
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const outside = (event: PointerEvent): void => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      // Closes the menu only: the page's own Escape would clear the selection.
      event.stopPropagation();
      setOpen(false);
    };
    window.addEventListener("pointerdown", outside);
    window.addEventListener("keydown", onKey, true);
    return () => {
      window.removeEventListener("pointerdown", outside);
      window.removeEventListener("keydown", onKey, true);
    };
  }, [open]);
  return (
    <div ref={root} className="relative">
      <Tool label="Layers" expanded={open} onClick={() => setOpen(!open)}>
        <Layers size={14} aria-hidden />
        <span className="max-sm:hidden">Layers</span>
      </Tool>
      {open && (
        <fieldset className="absolute top-9 -left-1 z-20 w-44 rounded-md border border-line-strong bg-overlay p-1.5 shadow-xl">
          <legend className="sr-only">Layers</legend>
          {(Object.entries(LAYERS) as [LayerName, string][]).map(([name, title]) => (
            <label key={name} className="flex h-7 cursor-pointer items-center gap-2 rounded-sm px-1.5 hover:bg-raised">
              <input
                type="checkbox"
                className="accent-accent"
                checked={!hidden.has(name)}
                onChange={() => toggleLayer(name)}
              />
              {title}
            </label>
          ))}
        </fieldset>
      )}
    </div>
  );
}
