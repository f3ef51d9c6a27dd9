// The map as one object without React: draws the world, answers clicks, moves the camera.
import * as maplibregl from "maplibre-gl";
import { fromMercator, type LatLon } from "@/lib/geo";
import type { LayerName, Selection } from "@/state/ui";
import type { World } from "@/stream/world";
import { BASE_STYLE, loadBaseMap } from "./base-map";
import { EntityLayer } from "./entity-layer";
import { extent } from "./extent";
import { graticule } from "./grid";
import { nearest } from "./hit";
import { addOverlays, type OverlaySource, showLayers } from "./overlay-layers";
import { bearingLines, labels, rangeRings, routes, trails, uncertainty, zones } from "./overlays";
import type { PlaceFinder } from "./places";

const FRAME_MS = 100;
const SLOW_MS = 1000;
const TRACK = 0;
const SENSOR = 5;
/** Where the first look goes before anything is known. */
const START = { center: [-98, 39] as [number, number], zoom: 3.4 };

export interface MapEvents {
  onSelect: (selection: Selection | null) => void;
  onPointer: (at: LatLon | null) => void;
  onBaseMap: (state: "ready" | "failed") => void;
  onMoved: () => void;
}

export class MapView {
  readonly map: maplibregl.Map;
  private readonly layer: EntityLayer;
  private readonly timers: ReturnType<typeof setInterval>[] = [];
  private readonly unsubscribe: () => void;
  private selection: Selection | null = null;
  private follow = false;
  private hidden: ReadonlySet<LayerName> = new Set();
  private touched = false;
  private fitted: "no" | "entities" | "hazard" = "no";
  /** The base map and our layers are there; MapLibre itself never says loaded() while the picture moves. */
  loaded = false;
  private place: PlaceFinder | null = null;

  constructor(
    container: HTMLElement,
    private readonly world: World,
    private readonly events: MapEvents,
    private readonly calm: boolean,
  ) {
    maplibregl.setWorkerUrl("/vendor/maplibre-gl-worker.mjs");
    this.layer = new EntityLayer(world.entities);
    this.map = new maplibregl.Map({
      container,
      style: BASE_STYLE,
      ...START,
      attributionControl: false,
      maxPitch: 0,
      dragRotate: false,
      maxZoom: 17,
      fadeDuration: 0,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.addControl(new maplibregl.ScaleControl({ maxWidth: 120, unit: "metric" }), "bottom-left");
    this.map.getCanvas().setAttribute("aria-label", "Map of the live picture");
    this.map.on("load", () => this.load());
    this.unsubscribe = world.subscribe(() => this.refresh());
  }

  destroy(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.unsubscribe();
    this.map.remove();
  }

  setSelection(selection: Selection | null, follow: boolean): void {
    const changed = selection?.key !== this.selection?.key;
    this.selection = selection;
    this.follow = follow;
    this.layer.selected = this.entityOf(selection);
    this.layer.invalidate();
    if (!this.loaded) return;
    this.refresh();
    this.slow();
    if (changed) this.reveal();
  }

  /** The entity to ring: the selected one, or the asset of the selected task. */
  private entityOf(selection: Selection | null): string | null {
    if (selection?.type === "entities") return selection.key;
    return selection?.type === "tasks" ? (this.world.get("tasks", selection.key)?.asset ?? null) : null;
  }

  /** Brings what was selected elsewhere into view; never moves the map when it is in view already. */
  private reveal(): void {
    const { selection, world } = this;
    if (!selection) return;
    const body = world.get(selection.type, selection.key);
    const place = body && ("location" in body ? body.location : "target" in body ? body.target : undefined);
    if (place && !this.map.getBounds().contains([place.lon, place.lat])) this.flyTo(place);
  }

  setHidden(hidden: ReadonlySet<LayerName>): void {
    this.hidden = hidden;
    if (!this.loaded) return;
    showLayers(this.map, hidden);
    this.layer.invalidate();
  }

  /** Everything that matters in one view; with ``near`` only the hazards and who is to go there. */
  fit(animate = true, near = false): void {
    const bounds = new maplibregl.LngLatBounds();
    for (const { lon, lat } of extent(this.world, near)) bounds.extend([lon, lat]);
    if (bounds.isEmpty()) return;
    const room = this.map.getContainer().clientWidth > 640 ? 150 : 48;
    const padding = { top: 64, bottom: 56, left: 64, right: room };
    this.map.fitBounds(bounds, { padding, maxZoom: 13, animate: animate && !this.calm, duration: 600 });
  }

  flyTo(at: LatLon): void {
    const zoom = Math.max(this.map.getZoom(), 11.5);
    this.map.easeTo({ center: [at.lon, at.lat], zoom, duration: this.calm ? 0 : 500 });
  }

  zoom(by: number): void {
    this.map.easeTo({ zoom: this.map.getZoom() + by, duration: this.calm ? 0 : 200 });
  }

  /** "Butte County, California", or nothing while the base map loads. */
  placeAt({ lat, lon }: LatLon): string {
    return this.place?.(lat, lon) ?? "";
  }

  private async load(): Promise<void> {
    addOverlays(this.map, this.layer);
    this.loaded = true;
    this.layer.visible = (slot) => this.isVisible(slot);
    this.setHidden(this.hidden);
    this.listen();
    this.refresh();
    this.drawGrid();
    this.timers.push(setInterval(() => this.frame(), this.calm ? SLOW_MS : FRAME_MS));
    this.timers.push(setInterval(() => this.slow(), SLOW_MS));
    try {
      this.place = await loadBaseMap(this.map);
      this.events.onBaseMap("ready");
    } catch {
      this.events.onBaseMap("failed");
    }
  }

  private listen(): void {
    const { map } = this;
    map.on("movestart", (event) => {
      if ((event as { originalEvent?: Event }).originalEvent) {
        this.touched = true;
        this.events.onMoved();
      }
    });
    map.on("moveend", () => this.drawGrid());
    map.on("resize", () =>
      this.touched || this.fitted === "no" ? this.drawGrid() : this.fit(false, this.fitted === "hazard"),
    );
    map.on("click", ({ point }) => this.events.onSelect(this.at(point)));
    map.on("mousemove", ({ lngLat, point }) => {
      this.events.onPointer({ lat: lngLat.lat, lon: lngLat.lng });
      if (this.world.entities.size < 3000) map.getCanvas().style.cursor = this.at(point) ? "pointer" : "";
    });
    map.on("mouseout", () => this.events.onPointer(null));
  }

  private at(point: maplibregl.Point): Selection | null {
    const slot = nearest(this.map, this.world.entities, point, (candidate) => this.isVisible(candidate));
    const key = slot === null ? undefined : this.world.entities.keys[slot];
    if (key !== undefined) return { type: "entities", key };
    const [route] = this.map.queryRenderedFeatures(point, { layers: ["routes"] });
    if (route) return { type: "tasks", key: String(route.properties.key) };
    const [hazard] = this.map.queryRenderedFeatures(point, { layers: ["hazard-fill"] });
    return hazard ? { type: "entities", key: String(hazard.properties.key) } : null;
  }

  private isVisible(slot: number): boolean {
    const symbol = this.world.entities.symbol[slot];
    if (symbol === SENSOR) return !this.hidden.has("sensors");
    return symbol !== TRACK || !this.hidden.has("tracks");
  }

  private drawGrid(): void {
    const bounds = this.map.getBounds();
    const [west, south, east, north] = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
    const { clientWidth, clientHeight } = this.map.getContainer();
    // The names stay clear of the scale bar and the attribution at the lower edge.
    const names = this.map.unproject([10, clientHeight - 36]);
    const grid = graticule({ west, south, east, north }, { lat: names.lat, lon: names.lng }, clientWidth / 115);
    this.map.getSource<maplibregl.GeoJSONSource>("grid")?.setData(grid);
  }

  /** Each published change of the world: at 4 Hz at most. */
  private refresh(): void {
    if (!this.loaded) return;
    const entities = this.world.list("entities");
    const selected = this.selection?.key ?? null;
    this.draw("uncertainty", uncertainty(entities, selected));
    this.draw("bearings", bearingLines(entities));
    this.draw("rings", rangeRings(entities));
    const placeOf = (key: string): LatLon | null => this.world.get("entities", key)?.location ?? null;
    this.draw("zones", zones(this.world.list("zones"), placeOf));
    this.firstFit();
    this.map.triggerRepaint();
  }

  private slow(): void {
    const { entities } = this.world;
    const now = Date.now();
    const selected = this.selection?.key ?? null;
    this.draw("trails", trails(entities));
    this.draw("labels", labels(this.world.list("entities"), entities, selected, now));
    this.draw(
      "routes",
      routes(this.world.list("tasks"), (key) => this.whereIs(key, now), selected),
    );
    if (this.follow && this.selection?.type === "entities") {
      const at = this.whereIs(this.selection.key, now);
      if (at) this.map.easeTo({ center: [at.lon, at.lat], duration: this.calm ? 0 : SLOW_MS, easing: (t) => t });
    }
  }

  /** Something moves: the shader carries it forward, so the picture must be drawn again. */
  private frame(): void {
    if (this.world.entities.size > 0 && !document.hidden) this.map.triggerRepaint();
  }

  private firstFit(): void {
    if (this.touched || this.fitted === "hazard" || !this.world.ready || this.world.count("entities") === 0) return;
    const hazard = this.world.list("entities").some(({ kind }) => kind === "hazard");
    if (this.fitted === "entities" && !hazard) return;
    this.fit(this.fitted === "entities", hazard);
    this.fitted = hazard ? "hazard" : "entities";
    this.slow();
  }

  private whereIs(key: string, now: number): LatLon | null {
    const slot = this.world.entities.slot(key);
    return slot === undefined ? null : fromMercator(...this.world.entities.position(slot, now));
  }

  private draw(source: OverlaySource, data: GeoJSON.FeatureCollection): void {
    this.map.getSource<maplibregl.GeoJSONSource>(source)?.setData(data);
  }
}
