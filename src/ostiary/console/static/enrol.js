// The invitation comes in the part of the address that browsers never send; it is read once and taken out of sight.
import { call, go, report, say, trouble } from "./api.js";
import { create, elsewhere, obstacle } from "./passkey.js";

const PLATFORMS = ["iPhone", "iPad", "Android", "Windows", "Mac", "Linux"];
const form = document.getElementById("enrol");
const field = document.getElementById("label");
let token, busy;

function take() {
  token = location.hash.slice(1) || token;
  history.replaceState(null, "", location.pathname);
  const missing = obstacle() || (token ? "" : "Open the whole link again: a page that was loaded anew has forgotten it.");
  for (const one of form.querySelectorAll(".field, button")) one.hidden = Boolean(missing);
  trouble(missing, elsewhere);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (busy || !token || obstacle()) return;
  busy = true;
  await enrol().catch(report);
  busy = false;
});

async function enrol() {
  say("Waiting for your device…");
  const { attempt, options } = await call("POST", "/enrolment/begin", { token });
  const credential = await create(options);
  say("Checking…");
  const { next } = await call("POST", "/enrolment/finish", { token, attempt, credential, label: field.value.trim() });
  say("Your passkey is ready. One moment…");
  go(next);
}

addEventListener("hashchange", () => location.hash && take());
field.value = PLATFORMS.find((name) => navigator.userAgent.includes(name)) ?? "";
take();
