// Every control names its act in data-act. Acts run one at a time; the server draws the page that shows the result.
import { call, go, report, say } from "./api.js";
import { entry } from "./code.js";
import { create, get } from "./passkey.js";

const AUTH = "/api/v1/auth";
const live = document.querySelector(".live");
const first = document.getElementById("first");
let shown, busy;

// A fresh yes from the person, for one purpose, good for one act.
async function presence(purpose, subject) {
  say("Show that it is you: your device asks for a passkey…");
  const { attempt, options } = await call("POST", `${AUTH}/presence/passkey/begin`, { purpose, subject });
  const credential = await get(options);
  return { id: credential.id, ...(await call("POST", `${AUTH}/presence/passkey/finish`, { attempt, credential })) };
}

// Some browsers want one press per question: what was shown is kept for the second press.
async function make(show, label) {
  if (!shown || Date.parse(shown.expires_at) < Date.now()) shown = await show();
  say("Now make the new passkey. If your device does not ask, press the button once more.");
  const { attempt, options } = await call("POST", `${AUTH}/passkeys/begin`, {});
  // Only this page knows the id of a passkey here: the device that holds it must not overwrite it unasked.
  options.excludeCredentials = shown.id ? [{ type: "public-key", id: shown.id }] : [];
  const made = { attempt, credential: await create(options), label, presence: shown.presence };
  shown = null;
  await call("POST", `${AUTH}/passkeys/finish`, made);
  return "The new passkey is ready.";
}

// The same page, drawn anew by the server, with what has happened.
function anew(news, section) {
  sessionStorage.setItem("news", news);
  history.replaceState(null, "", `#${section.querySelector("h2").id}`);
  history.scrollRestoration = "manual"; // to the heading, not to where a longer page stood
  location.reload();
}

const acts = {
  async signOut() {
    await call("POST", "/auth/logout");
    go("/signed-out");
  },
  async end({ dataset: { id, name } }) {
    await call("DELETE", `${AUTH}/sessions/${encodeURIComponent(id)}`);
    return `The session ${name} has ended.`;
  },
  async endOthers() {
    const { revoked_count: count } = await call("DELETE", `${AUTH}/sessions?except=current`);
    return count === 1 ? "One session has ended." : `${count} sessions have ended.`;
  },
  async rename({ dataset: { id }, elements: { label } }) {
    await call("PATCH", `${AUTH}/passkeys/${encodeURIComponent(id)}`, { label: label.value.trim() });
    return `The passkey is now called ${label.value.trim()}.`;
  },
  async remove({ dataset: { id, name } }) {
    const { presence: proof } = await presence("passkey.remove", id);
    await call("DELETE", `${AUTH}/passkeys/${encodeURIComponent(id)}`, null, { "Ostiary-Presence": proof });
    return `The passkey ${name} was removed.`;
  },
  add: ({ elements: { label } }) => make(() => presence("passkey.add"), label.value.trim()),
  // Shown this once: the page stays as it is, so that they can be written down.
  async codes(form) {
    const { presence: proof } = await presence("recovery.codes");
    const { codes } = await call("POST", `${AUTH}/recovery/codes`, { presence: proof });
    const slips = form.querySelector("[data-slips]");
    slips.replaceChildren(...codes.map((code) => Object.assign(document.createElement("li"), { textContent: code })));
    slips.hidden = false;
    form.querySelector("button").hidden = true;
    document.querySelector("[data-left]").textContent = codes.length;
    say("Write these down or print them now: they are not shown again.");
    slips.focus();
  },
};

async function run(event) {
  const control = event.target.closest("[data-act]");
  if (!control || (control.tagName === "FORM") !== (event.type === "submit")) return;
  event.preventDefault();
  if (busy) return;
  busy = true;
  control.after(live); // the words stand where they were asked for, and cover nothing
  try {
    const news = await acts[control.dataset.act](control);
    if (news) anew(news, control.closest("section"));
  } catch (error) {
    report(error);
    live.scrollIntoView({ block: "nearest" });
    // When the session itself is over, the server knows why and where to go.
    if (error.status === 401 && error.code?.startsWith("session_")) location.reload();
  } finally {
    busy = false;
  }
}

// Who has no passkey yet shows by a code from a letter that it is them; what the passkey is called waits beside it.
if (first) {
  const send = entry({
    ways: first,
    asking: first,
    ask: () => call("POST", `${AUTH}/presence/email_code/begin`, { purpose: "passkey.add" }),
    answer: async (given, label) => anew(await make(() => call("POST", `${AUTH}/presence/email_code/finish`, given), label), first.closest("section")),
    leave: () => first.querySelector("button").focus(),
  });
  first.addEventListener("submit", (event) => {
    event.preventDefault();
    first.append(live);
    send(first.elements.label.value.trim());
  });
}

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
for (const time of document.querySelectorAll("time")) time.textContent = local.format(new Date(time.dateTime));
for (const kind of ["click", "submit"]) document.addEventListener(kind, run);
const news = sessionStorage.getItem("news");
const heading = news && document.getElementById(location.hash.slice(1));
sessionStorage.removeItem("news");
// The control that was pressed may be gone with the old page: whoever goes by keyboard goes on from the heading.
if (heading?.matches("h2")) {
  (heading.closest(".card-head") ?? heading).after(live);
  heading.focus();
}
say(news ?? "");
if (news) live.scrollIntoView({ block: "nearest" });
