// Every control names its act in data-act; acts run one at a time.
import { call, go, report, say } from "./api.js";
import { create, get } from "./passkey.js";

const AUTH = "/api/v1/auth";
const dialog = document.getElementById("sure");
const rows = document.querySelector("[data-others]");
let shown = null;
let busy = false;

// A fresh yes from the person, for one purpose, good for one act.
async function presence(purpose, subject) {
  say("Show that it is you: your device asks for a passkey…");
  const { attempt, options } = await call("POST", `${AUTH}/presence/passkey/begin`, { purpose, subject });
  const credential = await get(options);
  return call("POST", `${AUTH}/presence/passkey/finish`, { attempt, credential });
}

function sure(name) {
  dialog.querySelector("[data-which]").textContent = name;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "remove"), { once: true }));
}

function reload(text) {
  sessionStorage.setItem("news", text);
  location.reload();
}

function others() {
  document.querySelector("[data-empty]").hidden = rows.children.length > 0;
  document.querySelector("[data-act=endOthers]").hidden = rows.children.length === 0;
  document.getElementById("other-sessions").focus();
}

const acts = {
  async signOut() {
    await call("POST", "/auth/logout", {});
    go("/signed-out");
  },
  async end(button) {
    await call("DELETE", `${AUTH}/sessions/${encodeURIComponent(button.dataset.id)}`);
    button.closest("li").remove();
    others();
    say(`The session ${button.dataset.label} has ended.`);
  },
  async endOthers() {
    const { revoked_count: count } = await call("DELETE", `${AUTH}/sessions?except=current`);
    rows.replaceChildren();
    others();
    say(count === 1 ? "One session has ended." : `${count} sessions have ended.`);
  },
  async rename(form) {
    const label = form.querySelector("input").value.trim();
    await call("PATCH", `${AUTH}/passkeys/${encodeURIComponent(form.dataset.id)}`, { label });
    reload(`The passkey is now called ${label}.`);
  },
  async remove(button) {
    const name = button.closest("li").querySelector("[data-name]").textContent;
    if (!(await sure(name))) return;
    const { id } = button.dataset;
    const { presence: proof } = await presence("passkey.remove", id);
    await call("DELETE", `${AUTH}/passkeys/${encodeURIComponent(id)}`, undefined, { "Ostiary-Presence": proof });
    reload(`The passkey ${name} was removed.`);
  },
  // Some browsers want one press per question: what was shown is kept for the second press.
  async add(form) {
    if (!shown || Date.parse(shown.expires_at) < Date.now()) shown = await presence("passkey.add");
    say("Now make the new passkey. If your device does not ask, press the button once more.");
    const { attempt, options } = await call("POST", `${AUTH}/passkeys/begin`, {});
    const credential = await create(options);
    const proof = shown.presence;
    shown = null;
    const label = form.querySelector("input").value.trim();
    await call("POST", `${AUTH}/passkeys/finish`, { attempt, credential, label, presence: proof });
    reload("The new passkey is ready.");
  },
};

async function run(event) {
  const control = event.target.closest?.("[data-act]");
  if (!control || (control.tagName === "FORM") !== (event.type === "submit")) return;
  event.preventDefault();
  if (busy) return;
  busy = true;
  try {
    await acts[control.dataset.act](control);
  } catch (error) {
    report(error);
    // When the session itself is over, the server knows why and where to go.
    if (error.status === 401) await call("GET", `${AUTH}/me`).catch((gone) => gone.status === 401 && location.reload());
  } finally {
    busy = false;
  }
}

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
for (const time of document.querySelectorAll("time")) {
  time.title = time.textContent;
  time.textContent = local.format(new Date(time.dateTime));
}
document.addEventListener("click", run);
document.addEventListener("submit", run);
say(sessionStorage.getItem("news") ?? "");
sessionStorage.removeItem("news");
