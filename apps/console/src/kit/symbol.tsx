// The symbols of the map as SVG, for the legend and lists: the same outlines as in `map/shaders.ts`.
import type { ReactNode } from "react";
import type { ColourName, SymbolName } from "@/lib/symbology";
import { KIND_COLOURS } from "./tokens";

const SHAPES: Record<SymbolName, ReactNode> = {
  track: <path d="M10 2 15.5 18 10 13.5 4.5 18Z" />,
  drone: (
    <>
      <circle cx="5" cy="5" r="3.1" />
      <circle cx="15" cy="5" r="3.1" />
      <circle cx="5" cy="15" r="3.1" />
      <circle cx="15" cy="15" r="3.1" />
      <path d="m5 5 10 10M15 5 5 15M10 10V3" strokeWidth="2" stroke="currentColor" />
      <rect x="7.8" y="7" width="4.4" height="6" rx="1.2" />
    </>
  ),
  aircraft: <path d="M8.6 2.5Q10 .5 11.4 2.5V7l7 4.2v2l-7-2v4.3l3 2v1.5L10 18l-4.4 1v-1.5l3-2v-4.3l-7 2v-2l7-4.2Z" />,
  crew: <rect x="4.6" y="4.6" width="10.8" height="10.8" rx="2" />,
  vehicle: <rect x="5.8" y="3.4" width="8.4" height="13.2" rx="1.4" />,
  sensor: (
    <>
      <circle cx="10" cy="10" r="5.2" fill="none" stroke="currentColor" strokeWidth="1.8" />
      <circle cx="10" cy="10" r="2.2" />
    </>
  ),
  hazard: <path d="M10 2.5 17.5 15.5h-15Z" />,
  place: <rect x="7" y="7" width="6" height="6" rx=".6" />,
};

interface Props {
  symbol: SymbolName;
  colour: ColourName;
  size?: number;
  hollow?: boolean;
}

export function MapSymbol({ symbol, colour, size = 16, hollow = false }: Props) {
  const paint = hollow ? { fill: "none", stroke: "currentColor", strokeWidth: 1.6 } : { fill: "currentColor" };
  return (
    <svg viewBox="0 0 20 20" width={size} height={size} style={{ color: KIND_COLOURS[colour] }} aria-hidden {...paint}>
      {SHAPES[symbol]}
    </svg>
  );
}
