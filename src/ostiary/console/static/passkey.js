// The browser's passkey functions, with stand-ins where a browser or a password manager lacks the JSON forms.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const BINARY = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
const named = (list = []) => list.map((item) => ({ ...item, id: bytes(item.id) }));

function encoded(credential) {
  if (typeof credential.toJSON === "function") return credential.toJSON();
  const { id, type, authenticatorAttachment, response: made } = credential;
  const response = { transports: made.getTransports?.() ?? [] };
  for (const name of BINARY) if (made[name]) response[name] = text(made[name]);
  if (made.getPublicKey) response.publicKey = text(made.getPublicKey());
  if (made.getAuthenticatorData) response.authenticatorData = text(made.getAuthenticatorData());
  return { id, rawId: id, type, authenticatorAttachment, response, clientExtensionResults: {} };
}

function parsed(kind, o) {
  return PublicKeyCredential[`parse${kind}OptionsFromJSON`]?.(o) ?? {
    ...o, challenge: bytes(o.challenge), user: o.user && { ...o.user, id: bytes(o.user.id) },
    allowCredentials: named(o.allowCredentials), excludeCredentials: named(o.excludeCredentials),
  };
}

export const create = async (o) => encoded(await navigator.credentials.create({ publicKey: parsed("Creation", o) }));
export const get = async (o, how) => encoded(await navigator.credentials.get({ ...how, publicKey: parsed("Request", o) }));

// The same page at the address that passkeys belong to, where this is another one; taken before a page hides its token.
const { origin } = document.documentElement.dataset;
export const elsewhere = !origin || origin === location.origin ? "" : origin + location.href.slice(location.origin.length);

// Why passkeys cannot work here, or nothing.
export function obstacle() {
  if (elsewhere) return `Passkeys belong to ${origin}: open this page there.`;
  if (!isSecureContext) return "Passkeys work only at a secure address. Open this page with https.";
  return window.PublicKeyCredential ? "" : "This browser cannot use passkeys. Try a current Chrome, Edge, Firefox or Safari.";
}
