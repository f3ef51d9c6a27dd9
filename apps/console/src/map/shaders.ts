// One instanced quad for each entity. The vertex shader carries the position forward by its velocity, so data at 1 Hz
// still moves smoothly; the fragment shader draws the symbol from signed distances (pixels, y up, nose up).
import { DEAD_RECKON_S } from "@/stream/entity-store";

/** Half the side of the quad, CSS pixels: the largest symbol plus the selection ring. */
export const QUAD_PX = 19;

export const VERTEX = `#version 300 es
layout(location = 0) in vec2 a_corner;
layout(location = 1) in vec4 a_motion;
layout(location = 2) in vec4 a_look;
layout(location = 3) in vec2 a_mark;
uniform mat4 u_matrix;
uniform vec2 u_pixel;
uniform float u_now;
out vec2 v_px;
out vec2 v_local;
flat out vec4 v_look;
flat out float v_selected;
void main() {
  float dt = a_look.z == 0.0 ? clamp(u_now - a_mark.x, 0.0, ${DEAD_RECKON_S.toFixed(1)}) : 0.0;
  vec4 at = u_matrix * vec4(a_motion.xy + a_motion.zw * dt, 0.0, 1.0);
  at.xy += a_corner * ${QUAD_PX.toFixed(1)} * u_pixel * at.w;
  gl_Position = at;
  v_px = a_corner * ${QUAD_PX.toFixed(1)};
  float c = cos(a_look.w), s = sin(a_look.w);
  v_local = vec2(c * v_px.x - s * v_px.y, s * v_px.x + c * v_px.y);
  v_look = a_look;
  v_selected = a_mark.y;
}`;

export const FRAGMENT = `#version 300 es
precision highp float;
in vec2 v_px;
in vec2 v_local;
flat in vec4 v_look;
flat in float v_selected;
uniform vec3 u_palette[6];
uniform float u_dpr;
out vec4 colour;
float capsule(vec2 p, vec2 a, vec2 b, float r) {
  vec2 pa = p - a, ba = b - a;
  return length(pa - ba * clamp(dot(pa, ba) / dot(ba, ba), 0.0, 1.0)) - r;
}
float box(vec2 p, vec2 b, float r) {
  vec2 d = abs(p) - b + r;
  return length(max(d, 0.0)) + min(max(d.x, d.y), 0.0) - r;
}
float kite(vec2 p) {
  p.x = abs(p.x);
  vec2 n = normalize(vec2(15.0, 5.5));
  float side = dot(p - vec2(0.0, 8.0), n);
  float back = dot(p - vec2(0.0, -3.4), normalize(vec2(-3.6, -5.5)));
  return max(side, max(back, -p.y - 8.0));
}
float drone(vec2 p) {
  vec2 q = abs(p);
  float rotor = length(q - vec2(5.0)) - 3.1;
  float arm = capsule(q, vec2(0.0), vec2(5.0), 1.0);
  float body = box(p, vec2(2.2, 3.0), 1.2);
  float nose = capsule(p, vec2(0.0, 3.0), vec2(0.0, 7.0), 0.8);
  return min(min(rotor, arm), min(body, nose));
}
float aircraft(vec2 p) {
  vec2 q = vec2(abs(p.x), p.y);
  float body = capsule(p, vec2(0.0, 7.5), vec2(0.0, -7.5), 1.5);
  float wing = capsule(q, vec2(0.0, 1.6), vec2(8.2, -2.2), 1.2);
  float tail = capsule(q, vec2(0.0, -6.6), vec2(3.4, -8.2), 0.9);
  return min(body, min(wing, tail));
}
float hazard(vec2 p) {
  p.x = abs(p.x);
  return max(dot(p, normalize(vec2(9.0, 5.2))) - 4.0, -p.y - 5.6) - 1.0;
}
float shape(float symbol, vec2 p, vec2 upright, bool moving) {
  if (symbol < 0.5) return moving ? kite(p) : length(p) - 4.5;
  if (symbol < 1.5) return drone(p);
  if (symbol < 2.5) return aircraft(p);
  float nose = moving ? capsule(p, vec2(0.0, 5.0), vec2(0.0, 9.5), 1.0) : 99.0;
  if (symbol < 3.5) return min(box(upright, vec2(5.4), 2.0), nose);
  if (symbol < 4.5) return min(box(p, vec2(4.2, 6.6), 1.4), nose);
  if (symbol < 5.5) return length(p) - 6.0;
  if (symbol < 6.5) return hazard(upright * 1.5) / 1.5; // small: its error ellipse is what matters
  return box(upright, vec2(2.6), 0.6);
}
void main() {
  bool moving = v_look.w == v_look.w && v_look.w > -50.0;
  vec2 p = moving ? v_local : v_px;
  float symbol = v_look.x, state = v_look.z;
  float d = shape(symbol, p, v_px, moving);
  float aa = 0.75 / u_dpr;
  vec3 hue = u_palette[int(v_look.y)];
  vec3 dark = vec3(0.039, 0.059, 0.078);
  float halo = 1.0 - smoothstep(1.6 - aa, 1.6 + aa, d);
  float inside = 1.0 - smoothstep(-aa, aa, d);
  float core = 1.0 - smoothstep(-1.5 - aa, -1.5 + aa, d);
  if (symbol > 4.5 && symbol < 5.5) core = (1.0 - smoothstep(4.2 - aa, 4.2 + aa, length(p))) * smoothstep(2.2 - aa, 2.2 + aa, length(p));
  bool ring_symbol = symbol > 4.5 && symbol < 5.5;
  bool hollow = state > 0.5;
  vec3 fill = ring_symbol ? mix(hue, dark, core) : hollow ? mix(hue, dark, core) : hue;
  vec4 paint = vec4(mix(dark, fill, inside), max(halo * 0.85, inside));
  if (state > 0.5 && state < 3.5) paint.a *= state < 1.5 ? 0.85 : 0.6;
  float r = length(v_px);
  float stroke = 1.0 - smoothstep(0.7 - aa, 0.7 + aa, abs(r - 12.0));
  if (state > 0.5 && state < 1.5) {
    float dash = step(0.0, sin(atan(v_px.y, v_px.x) * 9.0));
    paint = mix(paint, vec4(hue, 0.75), stroke * dash);
  }
  if (state > 1.5 && state < 2.5) {
    float cross = min(capsule(v_px, vec2(-8.0), vec2(8.0), 1.0), capsule(v_px, vec2(-8.0, 8.0), vec2(8.0, -8.0), 1.0));
    paint = mix(paint, vec4(dark, 0.9), 1.0 - smoothstep(1.0 - aa, 1.0 + aa, cross));
    paint = mix(paint, vec4(0.902, 0.929, 0.953, 1.0), 1.0 - smoothstep(-aa, aa, cross));
  }
  if (v_selected > 0.5) {
    float ring = 1.0 - smoothstep(0.9 - aa, 0.9 + aa, abs(r - 16.0));
    float glow = (1.0 - smoothstep(12.0, 16.0, r)) * 0.16;
    paint = mix(vec4(0.298, 0.761, 1.0, glow), paint, max(paint.a, 0.0));
    paint = mix(paint, vec4(0.298, 0.761, 1.0, 1.0), ring);
  }
  colour = vec4(paint.rgb * paint.a, paint.a);
}`;
