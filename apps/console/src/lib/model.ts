// The objects of the world stream, as `packages/core/src/summit_core/model` defines them. Optional members are left out
// of the wire when they hold their default. Units are in the names; angles are clockwise from true north.

export type EntityKind = "asset" | "track" | "sensor" | "place" | "zone" | "hazard" | "person" | "structure";
export type Freshness = "live" | "stale" | "expired" | "lost";
export type Role = "viewer" | "operator" | "commander" | "administrator" | "device" | "service";
export type Severity = "extreme" | "severe" | "moderate" | "minor" | "unknown";
export type AlertState = "open" | "acknowledged" | "resolved" | "expired";
export type IncidentState = "suspected" | "confirmed" | "contained" | "controlled" | "closed" | "false_alarm";
export type TaskState =
  | "proposed"
  | "approved"
  | "dispatched"
  | "received"
  | "accepted"
  | "executing"
  | "done"
  | "rejected"
  | "refused"
  | "failed"
  | "timed_out"
  | "expired"
  | "cancelled";

/** Local east-north covariance, square metres, one sigma squared: [[ee, en], [ne, nn]]. */
export type Matrix2 = [[number, number], [number, number]];

export interface Location {
  lat: number;
  lon: number;
  alt_m?: number;
  cov_m2?: Matrix2;
}

export interface Kinematics {
  speed_mps?: number;
  course_deg?: number;
  climb_mps?: number;
  velocity_enu_mps?: [number, number];
}

export interface Health {
  battery?: number;
  endurance_s?: number;
  cruise_mps?: number;
  activity?: string;
}

export interface BearingEvidence {
  observation: string;
  source: string;
  lat: number;
  lon: number;
  azimuth_deg: number;
  sigma_deg: number;
  observed_at: string;
  used?: boolean;
  residual_sigma?: number | null;
  /** Where along the line it may stand, by the ground. */
  ranges?: { near_m: number; far_m: number }[];
}

export interface Hypothesis {
  lat: number;
  lon: number;
  cov_m2: Matrix2;
  weight: number;
}

export interface Entity {
  id: string;
  kind: EntityKind;
  owner: string;
  observed_at: string;
  heard_at: string;
  updated_at: string;
  label?: string;
  class?: string;
  freshness?: Freshness;
  location?: Location;
  kinematics?: Kinematics;
  health?: Health;
  existence?: number;
  classes?: Record<string, number>;
  sources?: string[];
  identities?: string[];
  disputed?: boolean;
  capabilities?: string[];
  task?: string;
  bearings?: BearingEvidence[];
  ambiguous?: boolean;
  ambiguity?: string;
  hypotheses?: Hypothesis[];
  updates?: number;
  recording?: string;
}

export interface TimelineEntry {
  at: string;
  what: string;
  by: string;
}

export interface Evidence {
  id: string;
  kind: string;
  text: string;
}

export interface Incident {
  id: string;
  title: string;
  class: string;
  state: IncidentState;
  severity: Severity;
  opened_at: string;
  updated_at: string;
  location?: Location;
  ambiguous?: boolean;
  entities?: string[];
  sources?: string[];
  objectives?: string[];
  timeline?: TimelineEntry[];
}

export interface Alert {
  id: string;
  title: string;
  text: string;
  state: AlertState;
  severity: Severity;
  urgency: string;
  certainty: string;
  opened_at: string;
  updated_at: string;
  incident?: string;
  location?: Location;
  evidence?: Evidence[];
  acknowledged_by?: string;
  timeline?: TimelineEntry[];
}

export interface Advisory {
  id: string;
  title: string;
  text: string;
  made_at: string;
  rule: string;
  incident?: string;
  valid_until?: string;
  reasons?: Evidence[];
  actions?: string[];
}

export interface Waypoint {
  lat: number;
  lon: number;
  alt_m?: number;
  loiter_s?: number;
}

export interface Plan {
  waypoints: Waypoint[];
  distance_m: number;
  duration_s: number;
  arrive_s: number;
  reserve: number;
}

export interface Task {
  id: string;
  kind: "investigate" | "return";
  title: string;
  state: TaskState;
  asset: string;
  plan: Plan;
  plan_hash: string;
  risk: "low" | "medium" | "high";
  proposed_at: string;
  updated_at: string;
  incident?: string;
  target?: Location;
  rationale?: Evidence[];
  approvals?: string[];
  approve_before?: string;
  deadline_at?: string;
  dispatches?: number;
  progress?: number;
  note?: string;
  timeline?: TimelineEntry[];
}

export interface Approval {
  id: string;
  task: string;
  decision: "approve" | "reject";
  by: string;
  role: Role;
  plan_hash: string;
  at: string;
  reason?: string;
}

/** An area that entities enter and leave; positions are [longitude, latitude]. */
export interface Zone {
  id: string;
  name: string;
  rule: "inclusion" | "exclusion";
  geometry?: { type: "Polygon"; coordinates: [number, number][][] };
  circle?: { lat: number; lon: number; radius_m: number; holes?: [number, number][][] };
  anchor?: string;
  anchor_at?: [number, number];
}

export interface Bodies {
  entities: Entity;
  incidents: Incident;
  alerts: Alert;
  advisories: Advisory;
  tasks: Task;
  approvals: Approval;
  zones: Zone;
}

export type WorldType = keyof Bodies;
export const WORLD_TYPES: readonly WorldType[] = [
  "entities",
  "incidents",
  "alerts",
  "advisories",
  "tasks",
  "approvals",
  "zones",
];

export interface Principal {
  id: string;
  name: string;
  role: Role;
}

export interface Lineage {
  id: string;
  nodes: { id: string; type: string; title: string; at: string }[];
  edges: { from: string; to: string }[];
}
