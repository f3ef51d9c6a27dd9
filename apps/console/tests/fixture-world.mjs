// A plausible ridge fire around 39.80 N, 121.40 W for developing and testing the console without the services.
// Moves its assets each second and obeys an approved task. Not a simulator: packages/sim is.
import { at, azimuth, FIRE, iso, M_LAT, M_LON, MOVERS, metres, round, TOWERS } from "./fixture-geo.mjs";
import { raiseOperations } from "./fixture-operations.mjs";

const PLAN_HASH = "sha256:3f9a2c1b77d04e5a9c2b6f10d8e4a7315b90cc1e4f27a6d8b3e05c9f1a2d7e64";

export class FixtureWorld {
  seq = 1800;
  listeners = new Set();
  objects = new Map();
  started = Date.now();
  task = { state: "proposed", since: 0 };

  constructor() {
    this.movers = MOVERS.map(([id, label, kind, start, course, speed, way]) => ({
      id,
      label,
      kind,
      way,
      course,
      speed,
      home: start,
      ...start,
    }));
    this.place();
    raiseOperations(this);
  }

  snapshot() {
    return [...this.objects.values()];
  }

  put(type, key, body) {
    const frame = { op: "upsert", type, key, seq: ++this.seq, body };
    this.objects.set(`${type}/${key}`, frame);
    for (const listener of this.listeners) listener(frame);
  }

  entity(id, kind, fields) {
    const now = iso(Date.now());
    this.put("entities", id, {
      id,
      kind,
      owner: "fabric",
      observed_at: now,
      heard_at: now,
      updated_at: now,
      schema: "summit.entity/1",
      ...fields,
    });
  }

  place() {
    for (const [id, label, where] of TOWERS) {
      const freshness = id === "cam-4" ? "lost" : "live";
      this.entity(id, "sensor", { label, class: "camera", location: where, freshness, sources: [id] });
    }
    this.entity("wx-1", "sensor", {
      label: "Jarbo Gap weather",
      class: "weather",
      location: at(-6100, -1200),
      freshness: "stale",
      sources: ["wx-1"],
    });
    for (const [index, [east, north]] of [
      [2600, 5200],
      [5200, 800],
      [-3100, 900],
    ].entries()) {
      this.entity(`trk-${index + 1}`, "track", {
        owner: "fusion",
        location: {
          ...at(east, north),
          cov_m2: [
            [1400, 300],
            [300, 900],
          ],
        },
        existence: [0.96, 0.88, 0.42][index],
        classes: [{ vehicle: 0.81, person: 0.12 }, { aircraft: 0.93 }, {}][index],
        sources: ["cam-2", "radar-1"],
        updates: 40 + index,
        kinematics: { speed_mps: [12, 48, 0.4][index], course_deg: [200, 120, 10][index] },
      });
    }
    this.entity("haz-1", "hazard", {
      owner: "fusion",
      label: "Fire",
      class: "fire",
      location: {
        ...FIRE,
        cov_m2: [
          [46_000, 21_000],
          [21_000, 30_500],
        ],
      },
      existence: 0.97,
      sources: ["cam-1", "cam-2", "cam-3"],
      bearings: this.bearings(),
      updates: 14,
      classes: { smoke: 0.94 },
    });
    this.step(0);
  }

  bearings() {
    const now = iso(Date.now() - 40_000);
    return TOWERS.map(([source, , where], index) => ({
      observation: `0198f2aa-0000-7000-8000-00000000000${index}`,
      source,
      ...where,
      sigma_deg: 1,
      azimuth_deg: round((azimuth(where, FIRE) + [0.4, -0.7, 0.3, 38][index] + 360) % 360),
      observed_at: now,
      used: index < 3,
      residual_sigma: [0.4, -0.7, 0.3, 38][index],
    }));
  }

  putTask(extra = {}) {
    const now = Date.now();
    const home = this.movers[0].home;
    const distance = metres(home, FIRE);
    this.timeline ??= [{ at: iso(now), what: "proposed", by: "tasking" }];
    this.put("tasks", "tsk-1", {
      id: "tsk-1",
      kind: "investigate",
      title: "Investigate the fire near Flea Ridge",
      state: this.task.state,
      asset: "drone-1",
      risk: "low",
      plan: {
        waypoints: [{ ...FIRE, alt_m: 1400, loiter_s: 120 }],
        distance_m: distance,
        duration_s: (2 * distance) / 70 + 120,
        arrive_s: distance / 70,
        reserve: 0.58,
      },
      plan_hash: PLAN_HASH,
      proposed_at: iso(this.started),
      updated_at: iso(now),
      incident: "inc-1",
      target: FIRE,
      rationale: [
        { id: "alr-1", kind: "alert", text: "The fire is located but nobody has seen it from above" },
        {
          id: "drone-1",
          kind: "asset",
          text: "Drone 1 is the nearest of two with a camera: 6.8 km, back with 58 % reserve",
        },
        { id: "drone-2", kind: "asset", text: "Drone 2 would arrive 70 s later" },
      ],
      approve_before: iso(this.started + 900_000),
      timeline: this.timeline,
      ...extra,
    });
  }

  decide(decision, by, reason) {
    this.put("approvals", "apr-1", {
      id: "apr-1",
      task: "tsk-1",
      decision,
      by: by.name,
      role: by.role,
      plan_hash: PLAN_HASH,
      at: iso(Date.now()),
      reason,
    });
    this.advance(decision === "approve" ? "approved" : "rejected");
  }

  acknowledge(id, by) {
    const alert = this.objects.get(`alerts/${id}`)?.body;
    if (alert) this.put("alerts", id, { ...alert, state: "acknowledged", acknowledged_by: by.name });
    return alert;
  }

  advance(state) {
    this.task = { state, since: Date.now() };
    this.timeline.push({ at: iso(Date.now()), what: state, by: "tasking" });
    this.putTask();
  }

  /** One second of the world. */
  step(seconds) {
    for (const mover of this.movers) {
      this.move(mover, seconds);
      const { id, label, kind, lat, lon, course, speed } = mover;
      const drone = kind === "drone";
      this.entity(id, "asset", {
        label,
        class: kind,
        location: {
          lat: round(lat),
          lon: round(lon),
          alt_m: drone ? 1250 : undefined,
          cov_m2: [
            [9, 0],
            [0, 9],
          ],
        },
        kinematics: { speed_mps: speed, course_deg: round(course) },
        sources: [id],
        capabilities: drone ? ["camera", "thermal"] : [],
        health: drone
          ? {
              battery: 0.93,
              endurance_s: 2100,
              cruise_mps: 35,
              activity: mover.way === "task" ? this.task.state : "standby",
            }
          : undefined,
        task: id === "drone-1" && ["accepted", "executing"].includes(this.task.state) ? "tsk-1" : undefined,
      });
    }
    this.progress();
  }

  progress() {
    const { state, since } = this.task;
    const next = { approved: "dispatched", dispatched: "received", received: "accepted", accepted: "executing" }[state];
    if (next && Date.now() - since > 700) this.advance(next);
    if (state !== "executing") return;
    const [drone] = this.movers;
    const left = metres(drone, FIRE);
    if (left < 120) {
      this.advance("done");
      const incident = this.objects.get("incidents/inc-1").body;
      this.put("incidents", "inc-1", { ...incident, state: "confirmed", severity: "extreme" });
    } else this.putTask({ progress: 1 - left / metres(drone.home, FIRE) });
  }

  move(mover, seconds) {
    if (mover.way === "circle") mover.course = (mover.course + 2.4 * seconds) % 360;
    if (mover.way === "walk" || mover.way === "drive")
      mover.course = (mover.course + (Math.random() - 0.5) * 8 + 360) % 360;
    if (mover.way === "task") {
      mover.speed = this.task.state === "executing" ? 70 : 0;
      if (mover.speed) mover.course = azimuth(mover, FIRE);
    }
    const course = (mover.course * Math.PI) / 180;
    mover.lat += (mover.speed * seconds * Math.cos(course)) / M_LAT;
    mover.lon += (mover.speed * seconds * Math.sin(course)) / M_LON;
  }
}

export { PLAN_HASH };
