// The Live page in a real browser: sign in, see the picture, approve the task, see the drone move.
// Against the fixture gateway, or a real one: SUMMIT_CONSOLE_URL and SUMMIT_ADMIN_KEY (or SUMMIT_ADMIN_KEY_FILE).
// CHROMIUM names the browser; SUMMIT_SCREENSHOTS the folder for pictures. Prints one JSON line; exit 0 passed, 1 failed.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--enable-unsafe-swiftshader",
];
const PATIENCE_MS = Number(process.env.SUMMIT_BROWSER_TIMEOUT_MS ?? 60_000);
const executable = process.env.CHROMIUM ?? "/usr/bin/chromium";

if (!existsSync(executable)) {
  console.log(`SKIPPED: no chromium at ${executable} (Debian: apt-get install chromium; or set CHROMIUM)`);
  process.exit(0);
}

const failures = [];
const check = (ok, what) => ok || failures.push(what);

async function target() {
  const { SUMMIT_CONSOLE_URL: url, SUMMIT_ADMIN_KEY: key, SUMMIT_ADMIN_KEY_FILE: file } = process.env;
  if (url) return { url, key: key ?? readFileSync(file, "utf8").trim(), stop: () => undefined };
  return (await import("./fixture-gateway.mjs")).start();
}

/** Notes everything that must not happen: errors on the console, requests to another origin. */
function watch(page, origin) {
  const seen = { errors: [], foreign: [] };
  page.on("console", (message) => {
    // Before sign-in the page asks who it is; the browser logs that 401 on its own.
    const expected = /401/.test(message.text()) && /\/v1\/(session|stream)/.test(message.location().url);
    if (message.type() === "error" && !expected) seen.errors.push(`${message.text()} ${message.location().url}`);
  });
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("request", (request) => {
    const url = request.url();
    if (!/^(data|blob):/.test(url) && new URL(url).origin !== origin) seen.foreign.push(url);
  });
  return seen;
}

/** The directive that stops a script which the page did not bring; empty when it ran. After all else: it logs an error. */
function plantScript(page) {
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
        const script = document.createElement("script");
        script.textContent = "window.__planted = true";
        document.head.append(script);
        if (window.__planted) resolve("");
      }),
  );
}

async function axe(page) {
  // Run from an isolated evaluation: the page's own policy forbids injected scripts.
  const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(source);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes
        .map((node) => node.target.join(" "))
        .slice(0, 3)
        .join(", ")}`,
  );
}

const probe = (page, name, ...args) => page.evaluate(([call, rest]) => window.__summit?.[call](...rest), [name, args]);

async function signIn(page, url, key) {
  await page.goto(`${url}/login/`);
  const violations = await axe(page);
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL(`${url}/`);
  await page.goto(`${url}/?probe=1`);
  return violations;
}

async function approve(page) {
  await page.keyboard.press("Escape");
  const waiting = await page.locator("[data-decision]").first().getAttribute("data-decision");
  const task = (await probe(page, "tasks")).find(({ id }) => id === waiting);
  if (!task) throw new Error("no proposed task to approve");
  const before = await probe(page, "position", task.asset);
  await page.locator(`[data-decision="${task.id}"] [data-action=approve]`).click();
  await page.locator("[data-action=confirm]").click();
  await page.waitForFunction(
    (id) => window.__summit.tasks().some((item) => item.id === id && !["proposed", "approved"].includes(item.state)),
    task.id,
  );
  await page.waitForFunction(
    ([key, from]) => {
      const now = window.__summit.position(key);
      return now && Math.hypot((now.lat - from.lat) * 111_000, (now.lon - from.lon) * 85_000) > 50;
    },
    [task.asset, before],
  );
  const after = await probe(page, "position", task.asset);
  const moved = Math.hypot((after.lat - before.lat) * 111_000, (after.lon - before.lon) * 85_000);
  const state = (await probe(page, "tasks")).find(({ id }) => id === task.id).state;
  return { task: task.id, asset: task.asset, state, moved_m: Math.round(moved) };
}

async function run(page, gateway, shots) {
  const origin = new URL(gateway.url).origin;
  const seen = watch(page, origin);
  const shot = (name) => (shots ? page.screenshot({ path: join(shots, `${name}.png`) }) : undefined);
  const result = { axe: await signIn(page, gateway.url, gateway.key) };
  await page.waitForFunction(() => window.__summit?.ready());
  await page.waitForFunction(() => window.__summit.kinds().hazard > 0 && window.__summit.counts().alerts > 0);
  await page.waitForFunction(() => window.__summit.tasks().some(({ state }) => state === "proposed"));
  await page.waitForFunction(() => window.__summit.ready());
  result.counts = await probe(page, "counts");
  result.kinds = await probe(page, "kinds");
  await page.waitForTimeout(900);
  await shot("live");
  await page.keyboard.press("j");
  await page.waitForTimeout(600);
  await shot("alert");
  result.axe.push(...(await axe(page)));
  Object.assign(result, await approve(page));
  await shot("executing");
  result.axe.push(...(await axe(page)));
  Object.assign(result, { errors: [...seen.errors], foreign: [...seen.foreign] });
  check(result.kinds.asset > 0, "no asset on the map");
  check(result.moved_m > 50, "the drone did not move");
  check(seen.errors.length === 0, "errors on the console");
  check(seen.foreign.length === 0, "requests to another origin");
  check(result.axe.length === 0, "accessibility violations");
  result.planted = await plantScript(page);
  check(result.planted.startsWith("script-src"), "a script that was planted in the page ran");
  return result;
}

const shots = process.env.SUMMIT_SCREENSHOTS;
if (shots) mkdirSync(shots, { recursive: true });
const profile = mkdtempSync(join(tmpdir(), "summit-console-"));
const gateway = await target();
const context = await chromium.launchPersistentContext(profile, {
  executablePath: executable,
  args: FLAGS,
  viewport: { width: 1600, height: 900 },
});
let result = {};
try {
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(PATIENCE_MS);
  result = await run(page, gateway, shots);
} catch (error) {
  failures.push(String(error));
  if (shots)
    await context
      .pages()[0]
      ?.screenshot({ path: join(shots, "failure.png") })
      .catch(() => undefined);
} finally {
  await context.close();
  gateway.stop();
  rmSync(profile, { recursive: true, force: true });
}
console.log(JSON.stringify({ passed: failures.length === 0, failures, ...result }));
process.exit(failures.length === 0 ? 0 : 1);
