// Passkeys: what the browser is asked, in the JSON of WebAuthn Level 3, with a fallback for browsers that lack it.
import { api, Problem } from "./api";

type Descriptor = { id: string; type: "public-key" };
type Asked = { challenge: string; timeout?: number; rpId?: string; userVerification?: UserVerificationRequirement };
type Wanted = Omit<PublicKeyCredentialCreationOptions, "challenge" | "user" | "excludeCredentials"> & {
  challenge: string;
  user: { id: string; name: string; displayName: string };
  excludeCredentials?: Descriptor[];
};

/** Whether this page may use passkeys here: the browser can, and the gateway names this very address. */
export async function passkeysOffered(): Promise<boolean> {
  if (!("PublicKeyCredential" in window)) return false;
  const config = await api.config().catch(() => null);
  return config?.passkeys?.includes(window.location.origin) ?? false;
}

export async function signInWithPasskey(): Promise<void> {
  const asked = (await api.passkeyToShow()) as Asked;
  const parsed = PublicKeyCredential.parseRequestOptionsFromJSON?.(asked) ?? {
    ...asked,
    challenge: bytes(asked.challenge),
  };
  await api.signInByPasskey(json(await used(navigator.credentials.get({ publicKey: parsed }))));
}

export async function addPasskey(name: string): Promise<void> {
  const wanted = (await api.passkeyToMake()) as Wanted;
  const parsed = PublicKeyCredential.parseCreationOptionsFromJSON?.(
    wanted as unknown as PublicKeyCredentialCreationOptionsJSON,
  ) ?? {
    ...wanted,
    challenge: bytes(wanted.challenge),
    user: { ...wanted.user, id: bytes(wanted.user.id) },
    excludeCredentials: (wanted.excludeCredentials ?? []).map((one) => ({ ...one, id: bytes(one.id) })),
  };
  await api.addPasskey(name, json(await used(navigator.credentials.create({ publicKey: parsed }))));
}

/** What a person breaks off is no error of ours, and reads as such. */
async function used(asking: Promise<Credential | null>): Promise<PublicKeyCredential> {
  try {
    const credential = await asking;
    if (credential) return credential as PublicKeyCredential;
  } catch (error) {
    if (error instanceof DOMException && error.name === "InvalidStateError")
      throw new Problem(0, "known", "Known already", "This device holds a passkey of yours. Sign in with it.");
  }
  throw new Problem(0, "no_passkey", "No passkey used", "Nothing was changed. Try again, or sign in another way.");
}

const PARTS = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

function json(credential: PublicKeyCredential): unknown {
  if (typeof credential.toJSON === "function") return credential.toJSON();
  const response = credential.response as unknown as Record<string, ArrayBuffer | undefined>;
  const said = PARTS.flatMap((part) => (response[part] ? [[part, text(response[part])]] : []));
  return { id: credential.id, rawId: credential.id, type: credential.type, response: Object.fromEntries(said) };
}

function bytes(base64url: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64url.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
}

function text(data: ArrayBuffer): string {
  const binary = Array.from(new Uint8Array(data), (one) => String.fromCharCode(one)).join("");
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
