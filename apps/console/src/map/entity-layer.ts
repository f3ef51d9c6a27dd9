// All moving entities in one instanced WebGL2 draw (MapLibre custom layer).
import type { CustomLayerInterface, CustomRenderMethodInput, Map as MapLibreMap } from "maplibre-gl";
import { KIND_COLOURS } from "@/kit/tokens";
import { COLOURS } from "@/lib/symbology";
import type { EntityStore } from "@/stream/entity-store";
import { FRAGMENT, VERTEX } from "./shaders";

const FLOATS = 10;
const NO_COURSE = -99;

export class EntityLayer implements CustomLayerInterface {
  readonly id = "entities";
  readonly type = "custom" as const;
  selected: string | null = null;
  /** Slots for which this answers false are not drawn. */
  visible: (slot: number) => boolean = () => true;
  private map: MapLibreMap | null = null;
  private program: WebGLProgram | null = null;
  private array: WebGLVertexArrayObject | null = null;
  private buffer: WebGLBuffer | null = null;
  private data = new Float32Array(256 * FLOATS);
  private drawn = 0;
  private uploaded = -1;
  private origin: [number, number] = [0, 0];
  private readonly epoch = Date.now();

  constructor(private readonly store: EntityStore) {}

  onAdd(map: MapLibreMap, gl: WebGL2RenderingContext): void {
    this.map = map;
    this.program = link(gl);
    this.array = gl.createVertexArray();
    this.buffer = gl.createBuffer();
    this.uploaded = -1;
    gl.bindVertexArray(this.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    for (const [location, size, offset] of [
      [1, 4, 0],
      [2, 4, 16],
      [3, 2, 32],
    ] as const) {
      gl.enableVertexAttribArray(location);
      gl.vertexAttribPointer(location, size, gl.FLOAT, false, FLOATS * 4, offset);
      gl.vertexAttribDivisor(location, 1);
    }
    gl.bindVertexArray(null);
  }

  /** Forces an upload at the next frame: the selection or a filter changed. */
  invalidate(): void {
    this.uploaded = -1;
    this.map?.triggerRepaint();
  }

  render(gl: WebGL2RenderingContext | WebGLRenderingContext, input: CustomRenderMethodInput): void {
    if (!(gl instanceof WebGL2RenderingContext) || !this.program || !this.map) return;
    if (this.uploaded !== this.store.version) this.upload(gl);
    if (this.drawn === 0) return;
    const canvas = this.map.getCanvas();
    // biome-ignore lint/correctness/useHookAtTopLevel: a WebGL call, not a React hook
    gl.useProgram(this.program);
    gl.bindVertexArray(this.array);
    const at = (name: string): WebGLUniformLocation | null => gl.getUniformLocation(this.program as WebGLProgram, name);
    gl.uniformMatrix4fv(at("u_matrix"), false, this.matrix(input));
    gl.uniform2f(at("u_pixel"), 2 / canvas.clientWidth, 2 / canvas.clientHeight);
    gl.uniform1f(at("u_now"), (Date.now() - this.epoch) / 1000);
    gl.uniform1f(at("u_dpr"), canvas.width / canvas.clientWidth);
    gl.uniform3fv(at("u_palette"), PALETTE);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.STENCIL_TEST);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, this.drawn);
    gl.bindVertexArray(null);
  }

  /** Positions go up relative to an origin in view: 32-bit floats then keep centimetres. */
  private upload(gl: WebGL2RenderingContext): void {
    const { store } = this;
    if (this.data.length < store.size * FLOATS) this.data = new Float32Array(store.x.length * FLOATS);
    if (store.size > 0) this.origin = [store.x[0] ?? 0, store.y[0] ?? 0];
    const [ox, oy] = this.origin;
    const turn = ((this.map?.getBearing() ?? 0) * Math.PI) / 180;
    let at = 0;
    for (let slot = 0; slot < store.size; slot++) {
      if (!this.visible(slot)) continue;
      const course = store.course[slot] ?? Number.NaN;
      this.data[at++] = (store.x[slot] ?? 0) - ox;
      this.data[at++] = (store.y[slot] ?? 0) - oy;
      this.data[at++] = store.vx[slot] ?? 0;
      this.data[at++] = store.vy[slot] ?? 0;
      this.data[at++] = store.symbol[slot] ?? 0;
      this.data[at++] = store.colour[slot] ?? 0;
      this.data[at++] = store.state[slot] ?? 0;
      this.data[at++] = Number.isNaN(course) ? NO_COURSE : course - turn;
      this.data[at++] = ((store.heard[slot] ?? this.epoch) - this.epoch) / 1000;
      this.data[at++] = store.keys[slot] === this.selected ? 1 : 0;
    }
    this.drawn = at / FLOATS;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    gl.bufferData(gl.ARRAY_BUFFER, this.data.subarray(0, at), gl.DYNAMIC_DRAW);
    this.uploaded = store.version;
  }

  /** MapLibre's matrix for mercator coordinates times the shift to our origin, in doubles until the last step. */
  private matrix(input: CustomRenderMethodInput): Float32Array {
    const m = Float64Array.from(input.defaultProjectionData.mainMatrix);
    const [ox, oy] = this.origin;
    const out = new Float32Array(m);
    for (let row = 0; row < 4; row++) {
      out[12 + row] = (m[row] ?? 0) * ox + (m[4 + row] ?? 0) * oy + (m[12 + row] ?? 0);
    }
    return out;
  }
}

const PALETTE = new Float32Array(
  COLOURS.flatMap((name) => [1, 3, 5].map((at) => Number.parseInt(KIND_COLOURS[name].slice(at, at + 2), 16) / 255)),
);

function link(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(kind);
    if (!shader) throw new Error("WebGL2 gave no shader object");
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader) ?? "shader");
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) ?? "program");
  return program;
}
