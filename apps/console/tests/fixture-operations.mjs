// The operations of the fixture world: one incident, four alerts, one advisory, one proposal.
import { FIRE, iso } from "./fixture-geo.mjs";

export function raiseOperations(world) {
  const now = Date.now();
  const evidence = [
    { id: "haz-1", kind: "fix", text: "3 of 4 bearings meet within ± 620 m (95 %)" },
    {
      id: "0198f2aa-0000-7000-8000-000000000000",
      kind: "bearing",
      text: "Sawmill Peak reports smoke at 058°, confidence 0.91",
    },
    { id: "0198f2aa-0000-7000-8000-000000000003", kind: "bearing", text: "Concow disagrees by 38 σ and is left out" },
  ];
  const incident = "inc-1";
  world.put("incidents", incident, {
    id: incident,
    title: "Flea Ridge fire",
    class: "fire",
    state: "suspected",
    severity: "severe",
    opened_at: iso(now - 190_000),
    updated_at: iso(now),
    location: {
      ...FIRE,
      cov_m2: [
        [46_000, 21_000],
        [21_000, 30_500],
      ],
    },
    entities: ["haz-1"],
    sources: ["cam-1", "cam-2", "cam-3"],
    timeline: [
      { at: iso(now - 190_000), what: "Opened: two cameras agree", by: "intelligence" },
      { at: iso(now - 120_000), what: "Third camera agrees", by: "intelligence" },
    ],
  });
  const alert = (id, severity, title, text, secondsAgo, extra = {}) =>
    world.put("alerts", id, {
      id,
      title,
      text,
      state: "open",
      severity,
      urgency: "immediate",
      certainty: "likely",
      dedupe_key: id,
      opened_at: iso(now - secondsAgo * 1000),
      updated_at: iso(now),
      ...extra,
    });
  alert(
    "alr-1",
    "extreme",
    "Fire located 1.9 km from Flea Ridge road",
    "Three cameras agree to ± 620 m; wind 245° at 11 m/s carries it towards the road.",
    41,
    { incident, evidence, location: FIRE },
  );
  alert(
    "alr-2",
    "severe",
    "Concow camera is silent",
    "No message for 4 min; one bearing of this camera was an outlier.",
    240,
    { evidence: [], certainty: "observed" },
  );
  alert("alr-3", "moderate", "Jarbo Gap weather is late", "Last measurement 95 s ago, expected every 30 s.", 95, {
    certainty: "observed",
  });
  alert("alr-4", "minor", "Track trk-3 not confirmed", "Existence 0.42 after six updates.", 520, {
    certainty: "possible",
    state: "acknowledged",
    acknowledged_by: "M. Ortiz",
  });
  world.put("advisories", "adv-1", {
    id: "adv-1",
    title: "Confirm from the air before crews move",
    text: "The fix is good to ± 620 m. A drone can see the origin before crews commit to the ridge.",
    made_at: iso(now - 60_000),
    rule: "fire.confirm-from-air/1",
    incident,
    reasons: evidence,
    actions: [
      "Send Drone 1 over the fix",
      "Hold crews Butte 3 and Plumas 7 at the road",
      "Warn Flea Ridge road residents",
    ],
  });
  world.putTask();
}
