// Passkeys in a real browser, with an authenticator that the browser itself provides (WebAuthn virtual authenticator):
// add one, sign in by it, be refused with another device, take it away.
// SUMMIT_CONSOLE_URL must be an address for which the gateway offers passkeys; SUMMIT_ADMIN_KEY is an administrator's.
// CHROMIUM names the browser; SUMMIT_SCREENSHOTS the folder for pictures. Prints one JSON line; exit 0 passed, 1 failed.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const executable = process.env.CHROMIUM ?? "/usr/bin/chromium";
if (!existsSync(executable)) {
  console.log(`SKIPPED: no chromium at ${executable} (Debian: apt-get install chromium; or set CHROMIUM)`);
  process.exit(0);
}

const { SUMMIT_CONSOLE_URL: url, SUMMIT_ADMIN_KEY: key, SUMMIT_SCREENSHOTS: shots } = process.env;
const NAME = "passkey-warden";
const FIRST = "first-password-of-the-tests";
const OWN = "own-password-of-the-tests";
const DEVICE = "Tablet of the tests";
const failures = [];
const check = (ok, what) => ok || failures.push(what);

async function makeUser() {
  const answer = await fetch(`${url}/v1/users`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
    body: JSON.stringify({ name: NAME, role: "operator", password: FIRST }),
  });
  if (answer.status !== 201) throw new Error(`no user was made: ${answer.status} ${await answer.text()}`);
}

/** A device that proves its owner by itself; `removed()` when it is gone again. */
async function device(browser) {
  const options = {
    protocol: "ctap2",
    transport: "internal",
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
  };
  const { authenticatorId } = await browser.send("WebAuthn.addVirtualAuthenticator", { options });
  const held = async () => (await browser.send("WebAuthn.getCredentials", { authenticatorId })).credentials;
  return { held, removed: () => browser.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId }) };
}

/** By the password that an administrator gave, which has to be changed at the first time. */
async function signInByPassword(page) {
  await page.goto(`${url}/login/`);
  await page.getByRole("button", { name: "Sign in with name and password" }).click();
  await page.getByLabel("Name").fill(NAME);
  await page.getByLabel("Password", { exact: true }).fill(FIRST);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByLabel(/^New password/).fill(OWN);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL(`${url}/`);
}

async function signOut(page) {
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${url}/login/`);
}

const whoAmI = (page) => page.evaluate(async () => (await (await fetch("/v1/session")).json()).name);

async function run(context, page) {
  const shot = (name) => (shots ? page.screenshot({ path: join(shots, `${name}.png`) }) : undefined);
  const browser = await context.newCDPSession(page);
  await browser.send("WebAuthn.enable");
  const own = await device(browser);

  await signInByPassword(page);
  await page.getByRole("button", { name: "My passkeys" }).click();
  await page.getByLabel("Name of this device").fill(DEVICE);
  await page.getByRole("button", { name: "Add passkey" }).click();
  await page.getByRole("button", { name: `Remove ${DEVICE}` }).waitFor();
  await shot("passkey-added");
  check((await own.held()).length === 1, "the device does not hold the passkey");
  await page.getByRole("button", { name: "Close" }).click();
  await signOut(page);

  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.waitForURL(`${url}/`);
  check((await whoAmI(page)) === NAME, "somebody else is signed in");
  const [{ signCount }] = await own.held();
  check(signCount > 0, "the device was not asked");
  await page.getByRole("button", { name: "My passkeys" }).click();
  await page.getByRole("button", { name: `Remove ${DEVICE}` }).click();
  await page.getByText("You have none.").waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await signOut(page);

  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.locator("form [role=alert]").waitFor();
  await shot("passkey-refused");
  check(page.url() === `${url}/login/`, "a passkey that was taken away still signs in");
  check((await page.evaluate(async () => (await fetch("/v1/session")).status)) === 401, "signed in all the same");
  await own.removed();
  return { sign_count: signCount, refused: await page.locator("form [role=alert]").textContent() };
}

if (shots) mkdirSync(shots, { recursive: true });
const launched = await chromium.launch({ executablePath: executable, args: ["--headless", "--no-sandbox"] });
let result = {};
try {
  const context = await launched.newContext({ viewport: { width: 1600, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(Number(process.env.SUMMIT_BROWSER_TIMEOUT_MS ?? 30_000));
  await makeUser();
  result = await run(context, page).catch(async (error) => {
    if (shots) await page.screenshot({ path: join(shots, "failure.png") });
    throw error;
  });
} catch (error) {
  failures.push(String(error));
} finally {
  await launched.close();
}
console.log(JSON.stringify({ passed: failures.length === 0, failures, ...result }));
process.exit(failures.length === 0 ? 0 : 1);
