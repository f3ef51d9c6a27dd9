// What the operator has chosen: selection, layers, columns. Nothing of the world lives here.
import { create } from "zustand";
import type { Principal, WorldType } from "@/lib/model";

export interface Selection {
  type: WorldType;
  key: string;
}

export const LAYERS = {
  tracks: "Tracks",
  sensors: "Sensors",
  uncertainty: "Uncertainty",
  bearings: "Bearing lines",
  routes: "Task routes",
  trails: "Trails",
  zones: "Zones",
  rings: "Range rings",
  labels: "Names",
  grid: "Grid",
} as const;
export type LayerName = keyof typeof LAYERS;

interface Ui {
  principal: Principal | null;
  selection: Selection | null;
  follow: boolean;
  hidden: ReadonlySet<LayerName>;
  alertsOpen: boolean;
  inspectorOpen: boolean;
  helpOpen: boolean;
  showClosed: boolean;
  setPrincipal: (principal: Principal | null) => void;
  select: (selection: Selection | null) => void;
  setFollow: (follow: boolean) => void;
  toggleLayer: (layer: LayerName) => void;
  toggle: (panel: "alertsOpen" | "inspectorOpen" | "helpOpen" | "showClosed") => void;
}

export const useUi = create<Ui>((set) => ({
  principal: null,
  selection: null,
  follow: false,
  hidden: new Set<LayerName>(),
  alertsOpen: true,
  inspectorOpen: true,
  helpOpen: false,
  showClosed: false,
  setPrincipal: (principal) => set({ principal }),
  select: (selection) =>
    set((ui) => ({ selection, follow: false, inspectorOpen: selection ? true : ui.inspectorOpen })),
  setFollow: (follow) => set({ follow }),
  toggleLayer: (layer) =>
    set(({ hidden }) => {
      const next = new Set(hidden);
      if (!next.delete(layer)) next.add(layer);
      return { hidden: next };
    }),
  toggle: (panel) => set((ui) => ({ [panel]: !ui[panel] })),
}));
