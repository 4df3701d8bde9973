// Talks to the server, and says in words what went wrong.
const NEXT = {
  login_refused: "Try again, or use another passkey.",
  invitation_refused: "Ask the person who invited you for a new link.",
  passkey_last_way_in: "Add another passkey first.",
};
const DEVICE = {
  NotAllowedError: "Nothing was done: the request was cancelled or took too long. Try again.",
  InvalidStateError: "This device already has a passkey for this account.",
  SecurityError: "The address of this page does not fit the passkeys of this site. Tell whoever runs it.",
  NotSupportedError: "This device cannot make a passkey. Try another device.",
  ConstraintError: "This device cannot check a fingerprint, a face or a PIN. Try another device.",
};

export class Refusal extends Error {
  constructor(status, { message, code, request_id: request } = {}) {
    super(message ?? "Something went wrong.");
    Object.assign(this, { status, code, request });
  }
}

export async function call(method, path, body, extra = {}) {
  const csrf = document.cookie.match(/(?:^|; )__Host-ostiary_csrf=([^;]*)/)?.[1];
  const headers = { Accept: "application/json", ...extra };
  if (body) headers["Content-Type"] = "application/json";
  if (csrf && method !== "GET") headers["X-CSRF-Token"] = csrf;
  const request = { method, headers, credentials: "same-origin", cache: "no-store", body: body && JSON.stringify(body) };
  const response = await fetch(path, request).catch(() => {
    throw new Refusal(0, { message: "The server could not be reached." });
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(response.status, answer);
  return answer;
}

function words(error) {
  if (!(error instanceof Refusal)) return DEVICE[error.name] ?? "Something went wrong. Load the page again.";
  const soon = error.status === 0 || error.status === 429 || error.status >= 500 ? "Try again in a moment." : "";
  const reference = error.status >= 500 && error.request ? `(Request ${error.request})` : "";
  return [error.message, NEXT[error.code] ?? soon, reference].filter(Boolean).join(" ");
}

const line = (name) => document.querySelector(`[data-${name}]`);

export function say(text) {
  line("problem").textContent = "";
  line("progress").textContent = text;
}

// An abort is our own doing, never news.
export function report(error) {
  if (error.name === "AbortError") return;
  line("progress").textContent = "";
  line("problem").textContent = typeof error === "string" ? error : words(error);
}

// Only ever to a path of this site, whatever the answer said.
export function go(path) {
  const target = new URL(path, location.origin);
  location.assign(target.origin === location.origin ? target.href : "/account");
}
