// Where the fixture world is, its plane geometry, and who is in it.
export const LAT = 39.8;
export const LON = -121.4;
export const M_LAT = 111_035;
export const M_LON = 111_320 * Math.cos((LAT * Math.PI) / 180);
export const FIRE = { lat: LAT + 0.021, lon: LON + 0.028 };

export const iso = (ms) => new Date(ms).toISOString();
export const at = (east, north) => ({ lat: LAT + north / M_LAT, lon: LON + east / M_LON });
export const azimuth = (a, b) =>
  ((Math.atan2((b.lon - a.lon) * M_LON, (b.lat - a.lat) * M_LAT) * 180) / Math.PI + 360) % 360;
export const metres = (a, b) => Math.hypot((b.lon - a.lon) * M_LON, (b.lat - a.lat) * M_LAT);
export const round = (value) => Math.round(value * 1e6) / 1e6;

export const TOWERS = [
  ["cam-1", "Sawmill Peak", at(-5200, 3100)],
  ["cam-2", "Bald Mountain", at(6900, 6400)],
  ["cam-3", "Flea Ridge", at(7400, -2600)],
  ["cam-4", "Concow", at(-2600, -4400)],
];

/** id, label, class, start, course, speed, behaviour */
export const MOVERS = [
  ["drone-1", "Drone 1", "drone", at(-3600, -2300), 0, 0, "task"],
  ["drone-2", "Drone 2", "drone", at(4300, -5200), 0, 0, "hold"],
  ["air-1", "Tanker 94", "aircraft", at(9500, 2200), 300, 62, "circle"],
  ["air-2", "Air Attack 2-1", "aircraft", at(-1200, 5600), 80, 55, "circle"],
  ["crew-1", "Crew Butte 3", "crew", at(-900, -1500), 40, 1.2, "walk"],
  ["crew-2", "Crew Plumas 7", "crew", at(3600, -900), 350, 1.1, "walk"],
  ["engine-1", "Engine 2267", "engine", at(-4300, -700), 75, 9, "drive"],
  ["engine-2", "Engine 1411", "engine", at(1500, -3600), 10, 8, "drive"],
];
