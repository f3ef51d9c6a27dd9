// Serves out/ with the strict content security policy of the gateway, and a fake /v1 over the fixture world.
// For development and tests of the console alone: `npm run fixture`, then sign in with the key "fixture".
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { FixtureWorld, PLAN_HASH } from "./fixture-world.mjs";

const OUT = join(dirname(fileURLToPath(import.meta.url)), "..", "out");
const KEY = process.env.SUMMIT_FIXTURE_KEY ?? "fixture";
const PERSON = { id: "k-1", name: "J. Alvarez", role: process.env.SUMMIT_FIXTURE_ROLE ?? "commander" };
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".txt": "text/plain",
};

export function contentSecurityPolicy(folder) {
  const hashes = new Set();
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".html")) continue;
    for (const [, attributes, body] of readFileSync(join(folder, file), "utf8").matchAll(
      /<script([^>]*)>([\s\S]*?)<\/script>/g,
    )) {
      if (!/\ssrc=/.test(attributes)) hashes.add(`'sha256-${createHash("sha256").update(body).digest("base64")}'`);
    }
  }
  return [
    "default-src 'none'",
    `script-src 'self' ${[...hashes].join(" ")}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "form-action 'self'",
  ].join("; ");
}

function problem(response, status, code, title, detail) {
  response.writeHead(status, { "content-type": "application/problem+json" });
  response.end(
    JSON.stringify({
      type: `urn:summit:${code}`,
      title,
      status,
      detail,
      code,
      retriable: false,
      request_id: "fixture",
    }),
  );
}

function json(response, body, headers = {}) {
  response.writeHead(200, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

async function bodyOf(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

const signedIn = (request) => (request.headers.cookie ?? "").includes("session=fixture");

async function answer(world, request, response) {
  const { pathname } = new URL(request.url, "http://fixture");
  const [, , noun, id, verb] = pathname.split("/");
  if (noun === "session" && request.method === "POST") {
    if ((await bodyOf(request)).key !== KEY)
      return problem(response, 401, "unauthenticated", "Unauthenticated", "unknown key");
    return json(response, PERSON, { "set-cookie": "session=fixture; HttpOnly; SameSite=Strict; Path=/" });
  }
  if (!signedIn(request)) return problem(response, 401, "unauthenticated", "Unauthenticated", "sign in first");
  if (request.method !== "GET" && request.headers["x-summit-request"] !== "1")
    return problem(response, 403, "forbidden", "Forbidden", "a change by a session must carry X-Summit-Request: 1");
  if (noun === "session" && request.method === "DELETE")
    return json(response, {}, { "set-cookie": "session=; Max-Age=0; Path=/" });
  if (noun === "session") return json(response, PERSON);
  if (noun === "alerts" && verb === "ack") return json(response, world.acknowledge(id, PERSON) ?? {});
  if (noun === "lineage") return json(response, lineage(id));
  if (noun === "tasks" && (verb === "approve" || verb === "reject")) {
    const body = await bodyOf(request);
    if (body.plan_hash !== PLAN_HASH)
      return problem(response, 409, "plan_changed", "Conflict", "the plan has changed since you saw it");
    if (world.task.state !== "proposed")
      return problem(response, 409, "conflict", "Conflict", `the task is already ${world.task.state}`);
    world.decide(verb, PERSON, body.reason ?? "");
    return json(response, world.objects.get("tasks/tsk-1").body);
  }
  return problem(response, 404, "not_found", "Not found", `nothing at ${pathname}`);
}

function lineage(id) {
  const now = new Date().toISOString();
  const nodes = [
    [id, "task", "Investigate the fire"],
    ["alr-1", "alert", "Fire located"],
    ["haz-1", "entity", "Fire"],
    ["obs-1", "bearing", "Sawmill Peak 058°"],
    ["obs-2", "bearing", "Bald Mountain 222°"],
  ];
  return {
    id,
    nodes: nodes.map(([node, type, title]) => ({ id: node, type, title, at: now })),
    edges: nodes.slice(1).map(([node], index) => ({ from: nodes[index][0], to: node })),
  };
}

function serveFile(csp, request, response) {
  const { pathname } = new URL(request.url, "http://fixture");
  let file = join(OUT, normalize(decodeURIComponent(pathname)));
  if (pathname.endsWith("/")) file = join(file, "index.html");
  const found = file.startsWith(OUT) && existsSync(file) && extname(file) !== "";
  const path = found ? file : join(OUT, "404.html");
  response.writeHead(found ? 200 : 404, {
    "content-type": TYPES[extname(path)] ?? "application/octet-stream",
    "content-security-policy": csp,
    "x-content-type-options": "nosniff",
  });
  response.end(readFileSync(path));
}

export function start(port = 0) {
  const world = new FixtureWorld();
  const csp = contentSecurityPolicy(OUT);
  const server = createServer((request, response) => {
    if (request.url.startsWith("/v1/")) void answer(world, request, response);
    else serveFile(csp, request, response);
  });
  const sockets = new WebSocketServer({ noServer: true });
  const clock = () => new Date().toISOString();
  server.on("upgrade", (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (client) => {
      if (!signedIn(request)) return client.close(4401, "unauthenticated");
      const send = (frame) => client.send(JSON.stringify(frame));
      const from = Number(new URL(request.url, "http://fixture").searchParams.get("from") ?? Number.NaN);
      if (Number.isNaN(from)) {
        send({ op: "snapshot", seq: world.seq, server_time: clock() });
        for (const frame of world.snapshot()) send(frame);
        send({ op: "snapshot-end", seq: world.seq, server_time: clock() });
      } else for (const frame of world.snapshot()) if (frame.seq > from) send(frame);
      world.listeners.add(send);
      client.on("close", () => world.listeners.delete(send));
    });
  });
  const beat = setInterval(() => {
    for (const client of sockets.clients)
      client.send(JSON.stringify({ op: "heartbeat", seq: world.seq, server_time: clock() }));
  }, 2000);
  const tick = setInterval(() => world.step(1), 1000);
  return new Promise((ready) => {
    server.listen(port, "127.0.0.1", () => {
      const stop = () => {
        clearInterval(beat);
        clearInterval(tick);
        for (const client of sockets.clients) client.terminate();
        server.close();
      };
      ready({ url: `http://127.0.0.1:${server.address().port}`, key: KEY, world, stop });
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await start(Number(process.env.PORT ?? 3000));
  console.log(`fixture gateway on ${url}, key: ${KEY}`);
}
