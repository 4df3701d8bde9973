// The browser's passkey functions, with stand-ins where a browser or a password manager lacks the JSON forms.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const named = (list) => (list ?? []).map((item) => ({ ...item, id: bytes(item.id) }));
const BINARY = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

function toJSON(credential) {
  try {
    return credential.toJSON();
  } catch {
    const response = { transports: credential.response.getTransports?.() ?? [] };
    for (const name of BINARY) if (credential.response[name]) response[name] = text(credential.response[name]);
    const { id, type, authenticatorAttachment } = credential;
    return { id, rawId: id, type, authenticatorAttachment, response, clientExtensionResults: credential.getClientExtensionResults() };
  }
}

export async function create(options) {
  const parse = PublicKeyCredential.parseCreationOptionsFromJSON?.bind(PublicKeyCredential);
  const publicKey = parse?.(options) ?? {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: named(options.excludeCredentials),
  };
  return toJSON(await navigator.credentials.create({ publicKey }));
}

export async function get(options, how = {}) {
  const parse = PublicKeyCredential.parseRequestOptionsFromJSON?.bind(PublicKeyCredential);
  const publicKey = parse?.(options) ?? {
    ...options,
    challenge: bytes(options.challenge),
    allowCredentials: named(options.allowCredentials),
  };
  return toJSON(await navigator.credentials.get({ publicKey, ...how }));
}

// Why passkeys cannot work here, or nothing.
export function obstacle() {
  if (!window.isSecureContext) return "Passkeys work only on a secure address. Open this page with https.";
  return window.PublicKeyCredential ? "" : "This browser cannot use passkeys. Try a current Chrome, Edge, Firefox or Safari.";
}

export function deviceName() {
  const agent = `${navigator.userAgentData?.platform ?? ""} ${navigator.userAgent}`;
  const known = { iPhone: "iPhone", iPad: "iPad", Android: "Android device", CrOS: "Chromebook", Windows: "Windows computer", Mac: "Mac", Linux: "Linux computer" };
  return known[Object.keys(known).find((name) => agent.includes(name))] ?? "";
}
