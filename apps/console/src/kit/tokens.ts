// Primitive colours by intent. globals.css carries the same values for Tailwind (a test compares them); the map and
// the shader read them from here.
import type { ColourName } from "@/lib/symbology";

export const TOKENS = {
  bg: "#0a0f14",
  surface: "#10171e",
  raised: "#17202a",
  overlay: "#1d2833",
  line: "#26333f",
  "line-strong": "#3a4a59",
  outline: "#5f7384",
  ink: "#e6edf3",
  "ink-2": "#a9b8c6",
  "ink-3": "#7d8f9f",
  accent: "#4cc2ff",
  focus: "#8fd8ff",
  critical: "#ff5c5c",
  high: "#ff9f43",
  medium: "#ffd75e",
  low: "#7cc4ff",
  info: "#a9b8c6",
  ok: "#3ddc97",
  "kind-air": "#56b4e9",
  "kind-ground": "#009e73",
  "kind-vehicle": "#e69f00",
  "kind-sensor": "#cc79a7",
  "kind-detection": "#d55e00",
} as const;

export const KIND_COLOURS: Record<ColourName, string> = {
  air: TOKENS["kind-air"],
  ground: TOKENS["kind-ground"],
  vehicle: TOKENS["kind-vehicle"],
  sensor: TOKENS["kind-sensor"],
  detection: TOKENS["kind-detection"],
  neutral: TOKENS["ink-2"],
};

export const MAP_COLOURS = {
  sea: "#0a1016",
  land: "#141b22",
  coast: "#35505f",
  border: "#425663",
  state: "#33434f",
  county: "#3a4d5c",
  grid: "#1e2934",
  label: "#8fa3b2",
  halo: "#0a1016",
} as const;
