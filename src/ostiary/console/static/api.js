// Talks to the server, and says in words what went wrong.
const NEXT = {
  login_refused: "Try again, or use another passkey.",
  passkey_removed: "Use another one, or ask an administrator for a new invitation.",
  passkey_last_way_in: "Add another passkey first.",
  invitation_refused: "Ask the person who invited you for a new link.",
};
const DEVICE = {
  NotAllowedError: "Nothing was done: the request was cancelled or took too long. Try again.",
  SecurityError: "The address of this page does not fit the passkeys of this site. Tell whoever runs it.",
  ConstraintError: "This device cannot check a fingerprint, a face or a PIN. Try another device.",
};
const failure = (fields) => Object.assign(new Error("refused"), fields);

export async function call(method, path, body, headers = {}) {
  const csrf = document.cookie.match(/(?:^|; )__Host-ostiary_csrf=([^;]*)/)?.[1];
  if (csrf && method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (body) headers["Content-Type"] = "application/json";
  const request = { method, headers, credentials: "same-origin", body: body && JSON.stringify(body) };
  const response = await fetch(path, request).catch(() => {
    throw failure({ status: 0, message: "The server could not be reached." });
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw failure({ message: "The server could not do this.", ...answer, status: response.status });
  return answer;
}

function show(progress, problem) {
  document.querySelector("[data-progress]").textContent = progress;
  document.querySelector("[data-problem]").textContent = problem;
}

export const say = (text) => show(text, "");
export const trouble = (text) => show("", text);
export function report({ name, status, code, message, request_id: request }) {
  if (status === undefined) return trouble(DEVICE[name] ?? "Something went wrong. Load the page again.");
  const soon = status === 0 || status === 429 || status >= 500 ? "Try again in a moment." : "";
  const reference = status >= 500 && request ? `(Request ${request})` : "";
  return trouble([message, NEXT[code] ?? soon, reference].filter(Boolean).join(" "));
}

// Only ever to a path of this site, whatever the answer said.
export const go = (path) => location.assign(`${location.origin}/${path.replace(/^[/\\]+/, "")}`);
