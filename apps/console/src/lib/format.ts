// How numbers, times and ids read on screen. A missing value reads as an en dash, never as zero.
const NONE = "–";

export function clockZ(ms: number): string {
  return `${new Date(ms).toISOString().slice(11, 19)} Z`;
}

/** Age of data: `4 s`, `03:12`, `2 h 05`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${pad(Math.floor(seconds / 60))}:${pad(seconds % 60)}`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${pad(Math.floor((seconds % 3600) / 60))}`;
  return `${Math.floor(seconds / 86_400)} d`;
}

export function duration(seconds: number | undefined): string {
  if (seconds === undefined) return NONE;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${pad(Math.floor(seconds % 60))} s`
    : `${Math.floor(minutes / 60)} h ${pad(minutes % 60)}`;
}

export function distance(metres: number | null | undefined): string {
  if (metres === null || metres === undefined) return NONE;
  if (metres < 1000) return `${Math.round(metres)} m`;
  return `${(metres / 1000).toFixed(metres < 10_000 ? 2 : 1)} km`;
}

export function latLon(lat: number, lon: number, digits = 4): string {
  return `${signed(lat, digits)} ${signed(lon, digits)}`;
}

export function bearing(degrees: number | undefined): string {
  return degrees === undefined ? NONE : `${String(Math.round(degrees) % 360).padStart(3, "0")}°`;
}

export function percent(fraction: number | null | undefined): string {
  return fraction === null || fraction === undefined ? NONE : `${Math.round(fraction * 100)} %`;
}

export function speed(mps: number | undefined): string {
  return mps === undefined ? NONE : `${mps.toFixed(mps < 10 ? 1 : 0)} m/s`;
}

/** A UUID is too long to read aloud: its last six characters tell two apart. */
export function shortId(id: string): string {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-/.test(id) ? `…${id.slice(-6)}` : id;
}

export function shortHash(hash: string): string {
  return hash.replace(/^sha256:/, "").slice(0, 8);
}

/** `false_alarm` and `timed_out` as words. */
export function words(name: string): string {
  return name.replaceAll("_", " ").replaceAll("-", " ");
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const pad = (value: number): string => String(value).padStart(2, "0");
const signed = (value: number, digits: number): string => value.toFixed(digits).replace("-", "−");
