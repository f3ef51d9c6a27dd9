import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { StreamClient } from "@/stream/client";
import { World } from "@/stream/world";
import { entity, snapshot, snapshotEnd, upsert } from "./builders";

class FakeSocket {
  static readonly OPEN = 1;
  static made: FakeSocket[] = [];
  readyState = 1;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  constructor(readonly url: string) {
    FakeSocket.made.push(this);
  }
  say(...frames: object[]): void {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) });
  }
  end(code: number): void {
    this.onclose?.({ code });
  }
  close(): void {
    this.readyState = 3;
  }
}

const last = (): FakeSocket => FakeSocket.made.at(-1) as FakeSocket;
let client: StreamClient;
let world: World;
let session: number;

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.made = [];
  session = 200;
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("fetch", async () => new Response("{}", { status: session }));
  world = new World();
  client = new StreamClient(world, "ws://x/v1/stream");
  client.start();
});

afterEach(() => {
  client.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("resumes after the last sequence when the socket breaks", async () => {
  last().say(snapshot(10), upsert("entities", entity(), 4), snapshotEnd(10), upsert("entities", entity(), 11));
  last().end(1006);
  await vi.advanceTimersByTimeAsync(600);
  expect(FakeSocket.made.map(({ url }) => url)).toEqual(["ws://x/v1/stream", "ws://x/v1/stream?from=11"]);
  expect(world.count("entities")).toBe(1);
});

it("takes a new snapshot when the sequence is gone (4410)", async () => {
  last().say(snapshot(10), snapshotEnd(10));
  last().end(1006);
  await vi.advanceTimersByTimeAsync(600);
  last().end(4410);
  await vi.advanceTimersByTimeAsync(1);
  expect(last().url).toBe("ws://x/v1/stream");
});

it("takes a new snapshot when a resume is refused before its first frame, again and again", async () => {
  last().say(snapshot(10), snapshotEnd(10));
  last().end(1006);
  for (let attempt = 0; attempt < 3; attempt++) {
    await vi.advanceTimersByTimeAsync(4000);
    last().end(1006);
  }
  await vi.advanceTimersByTimeAsync(4000);
  expect(last().url).toBe("ws://x/v1/stream");
});

it("goes to sign in on 4401, and when the session has ended behind a refused handshake", async () => {
  const out = vi.fn();
  client.onSignedOut = out;
  session = 401;
  last().end(1006);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(out).toHaveBeenCalledTimes(1);
  expect(FakeSocket.made).toHaveLength(1);
  expect(client.link().state).toBe("signed-out");
});

it("renews the session when its token has expired (4401), and goes on", async () => {
  const out = vi.fn();
  client.onSignedOut = out;
  let renewed = 0;
  vi.stubGlobal("fetch", async (path: string) => {
    if (path.endsWith("/refresh")) renewed++;
    return new Response("{}", { status: renewed > 0 ? 200 : 401 });
  });
  last().say(snapshot(10), snapshotEnd(10));
  last().end(4401);
  await vi.advanceTimersByTimeAsync(2000);
  expect([renewed, out.mock.calls.length, FakeSocket.made.length]).toEqual([1, 0, 2]);
});

it("replaces a socket that says nothing for ten seconds", async () => {
  last().say(snapshot(1), snapshotEnd(1));
  await vi.advanceTimersByTimeAsync(10_800);
  expect(FakeSocket.made.length).toBeGreaterThan(1);
  expect(FakeSocket.made[0]?.readyState).toBe(3);
});
