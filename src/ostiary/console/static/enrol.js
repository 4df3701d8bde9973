// The invitation comes in the part of the address that browsers never send; it is read once and taken out of sight.
import { call, go, report, say } from "./api.js";
import { create, deviceName, obstacle } from "./passkey.js";

const form = document.getElementById("enrol");
const field = document.getElementById("label");
let token = "";
let busy = false;

function take() {
  token = location.hash.slice(1) || token;
  history.replaceState(null, "", location.pathname);
  const missing = token ? "" : "This link is not complete. Open the whole link from your invitation again.";
  if (obstacle() || missing) report(obstacle() || missing);
  else say("");
}

async function press(event) {
  event.preventDefault();
  if (busy || !token || obstacle()) return take();
  busy = true;
  say("Waiting for your device…");
  try {
    const { attempt, options } = await call("POST", "/enrolment/begin", { token });
    const credential = await create(options);
    say("Checking…");
    const { next } = await call("POST", "/enrolment/finish", { token, attempt, credential, label: field.value.trim() });
    say("Your passkey is ready. One moment…");
    go(next);
  } catch (error) {
    report(error);
  } finally {
    busy = false;
  }
}

field.value = deviceName();
form.addEventListener("submit", press);
addEventListener("hashchange", () => location.hash && take());
take();
