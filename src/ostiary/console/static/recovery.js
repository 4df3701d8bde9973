// One step at a time. What the browser must remember while the recovery waits is its secret, and where it stands.
import { report, say, trouble } from "./api.js";
import { cross, prove, register } from "./membrane.js";
import { create, elsewhere, obstacle } from "./passkey.js";

const KEPT = "ostiary-recovery";
const page = document.getElementById("recovery");
const { tenant } = page.dataset;
const local = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const field = (name) => document.getElementById(name);
const run = () => JSON.parse(localStorage.getItem(KEPT) ?? "null");
const keep = (value) => localStorage.setItem(KEPT, JSON.stringify(value));
const ready = ({ waits_until: until }) => Date.parse(until) <= Date.now();
let contact, busy;

function show(step, focus = true) {
  for (const one of page.querySelectorAll("[data-step]")) one.hidden = one.dataset.step !== step;
  const shown = page.querySelector(`[data-step="${step}"]`);
  (shown.querySelector("form") ?? shown).append(page.querySelector(".live"));
  say("");
  if (focus) shown.querySelector("h2").focus();
}

function next(focus) {
  const going = run();
  if (going && !ready(going)) {
    const time = page.querySelector("[data-until]");
    [time.dateTime, time.textContent] = [going.waits_until, local.format(new Date(going.waits_until))];
  }
  show(!going ? "address" : ready(going) ? "make" : "waiting", focus);
  if (going && ready(going) && obstacle()) trouble(obstacle(), elsewhere);
}

async function confirmed(given) {
  const begun = await cross("auth/recovery/contact/confirm", { tenant, ...given });
  keep({ ...begun, address: field("address").value.trim() });
  next();
}

const acts = {
  async send() {
    say("One moment…");
    const address = field("address").value.trim();
    contact = (await cross("auth/recovery/contact/send", { tenant, contact_address: address })).recovery_contact;
    show("code");
  },
  code: () => confirmed({ recovery_contact: contact, code: field("code").value.trim() }),
  printed: () => confirmed({ recovery_code: field("printed").value.trim() }),
  make,
};

// Some browsers want one press per question: what was made is kept for the second press.
async function make() {
  if (obstacle()) return trouble(obstacle(), elsewhere);
  const going = run();
  const { subject, recovery_token, auth_recovery_execution: recovery_execution_ref } = going;
  if (!going.made) {
    say("Waiting for your device…");
    const entitled = { tenant, subject, recovery_token, recovery_execution_ref };
    keep({ ...going, made: (going.made = await register(entitled, going.address || "My account", create)) });
  }
  say("Now use the new passkey once. If your device does not ask, press the button once more.");
  const { binding, id } = going.made;
  const proof = await prove(tenant, "auth.recovery.execute", { subject, passkey_binding: binding }, [id]);
  const mode = page.dataset.fixture ? { fixture: true } : {};
  const done = await cross("auth/recovery/execute", {
    ...mode, tenant, actor: subject, recovery_token, recovery_execution_ref, recovery_policy: going.auth_recovery_policy,
    replacement_passkey_binding: binding, human_presence_receipt: proof, recovery_contact_hash: going.recovery_contact_hash,
  });
  localStorage.removeItem(KEPT);
  const count = (number, one, more) => (number === 1 ? `One ${one}` : `${number} ${more}`);
  page.querySelector("[data-sessions]").textContent = count(done.sessions_ended, "session was ended", "sessions were ended");
  page.querySelector("[data-aside]").textContent = count(done.passkeys_set_aside, "old passkey was", "old passkeys were");
  show("done");
}

page.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (busy) return;
  busy = true;
  await acts[event.target.dataset.act]().catch((fault) => {
    const over = ["auth_recovery_cancelled", "auth_recovery_policy_consumed", "auth_recovery_policy_unknown"];
    if (event.target.dataset.act === "make" && over.includes(fault.code)) {
      localStorage.removeItem(KEPT);
      show("address");
    }
    report(fault);
  });
  busy = false;
});

page.addEventListener("click", ({ target }) => {
  const step = target.closest("[data-go]")?.dataset.go;
  if (step === "address") localStorage.removeItem(KEPT);
  if (step) show(step);
});

// The link of the letter fills the code in; only the button sends it.
function begin() {
  const [, attempt, code] = location.hash.slice(1).split(".");
  history.replaceState(null, "", location.pathname);
  if (!code) return next(false);
  contact = `auth_recovery_contact:${attempt}`;
  show("code", false);
  field("code").value = code;
}
addEventListener("hashchange", () => location.hash && begin());
setInterval(() => run() && !page.querySelector('[data-step="waiting"]').hidden && ready(run()) && next(), 5000);
begin();
