import { MapSymbol } from "@/kit/symbol";
import type { ColourName, SymbolName } from "@/lib/symbology";

const ITEMS: [SymbolName, ColourName, string][] = [
  ["drone", "air", "Drone"],
  ["aircraft", "air", "Aircraft"],
  ["crew", "ground", "Ground team"],
  ["vehicle", "vehicle", "Vehicle"],
  ["sensor", "sensor", "Sensor"],
  ["track", "detection", "Track"],
];

const LINES: [string, string][] = [
  ["h-2.5 rounded-full border border-critical bg-critical/20", "Fire, 95 % area"],
  ["border-t border-high", "Bearing used"],
  ["border-t border-dashed border-ink-2", "Bearing left out"],
  ["border-t-2 border-dashed border-accent", "Task route"],
  ["h-2.5 border border-dashed border-critical bg-critical/10", "Exclusion zone"],
  ["h-2.5 border border-dashed border-accent bg-accent/10", "Inclusion zone"],
];

/** Over the map: open where there is room, folded on a narrow screen. */
export function MapLegend() {
  return (
    <details
      open={window.innerWidth >= 1280}
      className="absolute right-2 bottom-6 rounded-md border border-line bg-surface/92 px-2.5 py-1.5"
    >
      <summary className="cursor-pointer text-sm text-ink-2 select-none">Legend</summary>
      <div className="mt-1.5">
        <Legend />
      </div>
    </details>
  );
}

export function Legend() {
  return (
    <div className="text-sm text-ink-2">
      <ul className="flex flex-col gap-[3px]">
        {ITEMS.map(([symbol, colour, name]) => (
          <li key={name} className="flex items-center gap-2">
            <span className="grid w-5 place-items-center">
              <MapSymbol symbol={symbol} colour={colour} size={14} />
            </span>
            {name}
          </li>
        ))}
        {LINES.map(([look, name]) => (
          <li key={name} className="flex items-center gap-2">
            <span aria-hidden className={`w-5 ${look}`} />
            {name}
          </li>
        ))}
        <li className="mt-1 flex items-center gap-2 border-t border-line pt-1.5">
          <span className="grid size-4 w-5 place-items-center">
            <span className="size-3.5 rounded-full border-[1.5px] border-dashed border-ink-2" />
          </span>
          Late
          <span aria-hidden className="ml-2 font-semibold text-ink">
            ✕
          </span>
          Lost
        </li>
      </ul>
    </div>
  );
}
