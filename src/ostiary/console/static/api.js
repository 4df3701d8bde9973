// Talks to the server, and says in words what went wrong.
const PLAIN = {
  csrf_refused: "This page is out of date. Load it again.",
  presence_refused: "It took too long to show that it is you. Try again.",
  auth_rate_limit_throttled: "Slow down: too many wrong answers came from here. Try again {when}. A passkey of your own works at once.",
  auth_rate_limit_locked: "Closed for wrong answers from here; it opens {when}. A passkey of your own still works at once.",
};
const DEVICE = {
  NotAllowedError: "Nothing was done: the request was cancelled or took too long. Try again.",
  SecurityError: "The address of this page does not fit the passkeys of this site. Tell whoever runs it.",
  InvalidStateError: "This device already holds a passkey for this account. Use another device or a security key.",
  ConstraintError: "This device cannot check a fingerprint, a face or a PIN. Try another device.",
};

// What needs a script takes no click before there is one: a form sent so early loads the page anew, without what it was opened with.
for (const one of document.querySelectorAll(".needs-script")) one.inert = false;

const failure = (fields) => Object.assign(new Error("refused"), fields);

export async function call(method, path, body, headers = {}) {
  const csrf = document.cookie.match(/(?:^|; )__Host-ostiary_csrf=([^;]*)/)?.[1];
  if (csrf && method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (body) headers["Content-Type"] = "application/json";
  const request = { method, headers, credentials: "same-origin", body: body && JSON.stringify(body) };
  const response = await fetch(path, request).catch(() => {
    throw failure({ status: 0, message: "The server could not be reached. Try again in a moment." });
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw failure({ message: "The server could not do this. Try again in a moment.", ...answer, status: response.status, wait: response.headers.get("retry-after") });
  return answer;
}

// Who begins for the first time in a browser is given its pre-login cookie: one after another, so that all agree on one.
let begun = Promise.resolve();
export const begin = (path, body) => (begun = begun.catch(() => {}).then(() => call("POST", path, body)));

function show(progress, problem, link = "") {
  document.querySelector("[data-progress]").textContent = progress;
  document.querySelector("[data-problem]").replaceChildren(link ? Object.assign(document.createElement("a"), { href: link, textContent: problem }) : problem);
}

export const say = (text) => show(text, "");
export const trouble = (text, link) => show("", text, link);
export function report({ name, status, code, message, wait, words, request_id: request }) {
  if (status === undefined) return trouble(DEVICE[name] ?? "Something went wrong. Load the page again.");
  const when = wait > 90 ? `at ${new Date(Date.now() + wait * 1000).toLocaleTimeString([], { timeStyle: "short" })}` : `in ${wait} seconds`;
  trouble(`${(words?.[code] ?? PLAIN[code] ?? message).replace("{when}", when)} ${status >= 500 && request ? `(Request ${request})` : ""}`.trim());
}

// Only ever to a path of this site, whatever the answer said.
export const go = (path) => location.assign(`${location.origin}/${path.replace(/^[/\\]+/, "")}`);
