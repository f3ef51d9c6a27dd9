// The only door from the stream to React.
"use client";

import { useEffect, useState, useSyncExternalStore } from "react";
import type { Bodies, WorldType } from "@/lib/model";
import { StreamClient } from "./client";
import type { LinkView } from "./link";
import { World } from "./world";

export const world = new World();
let client: StreamClient | null = null;

const CONNECTING: LinkView = { state: "connecting", ageMs: null };

/** Opens the stream while the component is mounted. */
export function useStream(onSignedOut: () => void): void {
  useEffect(() => {
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    client = new StreamClient(world, `${scheme}://${window.location.host}/v1/stream`);
    client.onSignedOut = onSignedOut;
    client.start();
    return () => {
      client?.stop();
      client = null;
    };
  }, [onSignedOut]);
}

export function useList<T extends WorldType>(type: T): readonly Bodies[T][] {
  const read = (): readonly Bodies[T][] => world.list(type);
  return useSyncExternalStore(world.subscribe, read, () => EMPTY as readonly Bodies[T][]);
}

export function useObject<T extends WorldType>(type: T, key: string | null): Bodies[T] | undefined {
  const read = (): Bodies[T] | undefined => (key === null ? undefined : world.get(type, key));
  return useSyncExternalStore(world.subscribe, read, () => undefined);
}

export function useReady(): boolean {
  return useSyncExternalStore(
    world.subscribe,
    () => world.ready,
    () => false,
  );
}

/** Server time, re-rendered each `stepMs`; null while the page is not yet hydrated. */
export function useServerNow(stepMs = 1000): number | null {
  const [now, setNow] = useState<number | null>(null);
  useEffect(() => {
    const tick = (): void => setNow(Date.now() + world.clockOffsetMs);
    tick();
    const timer = setInterval(tick, stepMs);
    return () => clearInterval(timer);
  }, [stepMs]);
  return now;
}

export function currentLink(): LinkView {
  return client?.link() ?? CONNECTING;
}

export function useLink(): LinkView {
  const [link, setLink] = useState<LinkView>(CONNECTING);
  useEffect(() => {
    const timer = setInterval(() => setLink(currentLink()), 250);
    return () => clearInterval(timer);
  }, []);
  return link;
}

const EMPTY: readonly never[] = [];
