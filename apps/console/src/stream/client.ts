// Keeps one WebSocket to `/v1/stream` alive and feeds the world: resumes where it was, starts over when it must.
import { api, Problem } from "@/lib/api";
import { parseFrame } from "./frames";
import { backoffMs, DOWN_MS, type LinkView, linkView } from "./link";
import type { World } from "./world";

/** The token has expired or the session ended: asking who we are renews it, or tells. */
const CLOSE_SIGNED_OUT = 4401;
/** A role that may not see the picture. */
const CLOSE_FORBIDDEN = 4403;
const CLOSE_GONE = 4410;
const PUBLISH_MS = 250;

export class StreamClient {
  onSignedOut: () => void = () => undefined;
  private socket: WebSocket | null = null;
  private lastFrameAt: number | null = null;
  private startedAt = 0;
  /** Last sign of life of the present socket; a new one gets its ten seconds. */
  private aliveAt = 0;
  private signedOut = false;
  private attempt = 0;
  private framesSinceOpen = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private ticker: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly world: World,
    private readonly url: string,
  ) {}

  start(): void {
    this.startedAt = Date.now();
    this.ticker = setInterval(() => this.tick(), PUBLISH_MS);
    this.connect();
  }

  stop(): void {
    clearInterval(this.ticker);
    clearTimeout(this.retry);
    this.drop();
  }

  link(now: number = Date.now()): LinkView {
    const { lastFrameAt, startedAt, signedOut } = this;
    return linkView({ lastFrameAt, startedAt, signedOut, sourceStale: this.world.stale }, now);
  }

  private connect(): void {
    const from = this.world.lastSeq;
    const socket = new WebSocket(from === null ? this.url : `${this.url}?from=${from}`);
    this.socket = socket;
    this.framesSinceOpen = 0;
    this.aliveAt = Date.now();
    socket.onmessage = (event) => this.receive(String(event.data));
    socket.onclose = (event) => void this.closed(event.code, from !== null);
  }

  private receive(text: string): void {
    const frame = parseFrame(text);
    if (!frame) return;
    this.lastFrameAt = Date.now();
    this.aliveAt = this.lastFrameAt;
    this.framesSinceOpen++;
    this.attempt = 0;
    this.world.apply(frame, this.lastFrameAt);
  }

  private async closed(code: number, resumed: boolean): Promise<void> {
    this.socket = null;
    // A refused handshake (401, 410) reaches a browser as a plain close before the first frame.
    if (code === CLOSE_GONE || (resumed && this.framesSinceOpen === 0 && this.attempt > 0)) this.world.forget();
    const doubtful = code === CLOSE_SIGNED_OUT || this.framesSinceOpen === 0;
    if (code === CLOSE_FORBIDDEN || (doubtful && (await isSignedOut()))) {
      this.signedOut = true;
      this.onSignedOut();
      return;
    }
    this.retry = setTimeout(() => this.connect(), code === CLOSE_GONE ? 0 : backoffMs(this.attempt++));
  }

  /** A link can die without a close: a socket that says nothing for 10 s is replaced. */
  private tick(): void {
    this.world.publish();
    if (this.socket && Date.now() - this.aliveAt > DOWN_MS) {
      this.drop();
      void this.closed(1006, false);
    }
  }

  private drop(): void {
    if (!this.socket) return;
    this.socket.onclose = null;
    this.socket.onmessage = null;
    this.socket.close();
    this.socket = null;
  }
}

async function isSignedOut(): Promise<boolean> {
  try {
    await api.whoAmI();
    return false;
  } catch (error) {
    return error instanceof Problem && error.status === 401;
  }
}
