// Two ways to the same end: the button, and the browser's own list under the field. One challenge serves both.
import { begin, call, go, report, say, trouble } from "./api.js";
import { elsewhere, get, obstacle } from "./passkey.js";

const form = document.getElementById("sign-in");
const { next: onward } = document.getElementById("ways").dataset;
let question, asking, asked, pressed, refresh;

async function fresh() {
  if (question?.until > Date.now()) return question;
  question = await begin("/login/passkey/begin", {});
  question.until = Date.now() + (question.expires_in - 30) * 1000;
  return question;
}

// A browser runs one request at a time: the earlier one is ended, and its end awaited, before the next begins.
async function ask(how) {
  const { attempt, options } = await fresh();
  if (how.mediation && pressed) return;
  asking?.abort();
  await asked;
  asking = new AbortController();
  const answer = get(options, { ...how, signal: asking.signal });
  asked = answer.catch(() => {});
  await finish(attempt, options.rpId, await answer);
}

async function finish(attempt, rpId, credential) {
  [question, pressed] = [null, true];
  say("Checking…");
  try {
    const { next } = await call("POST", "/login/passkey/finish", { attempt, credential });
    say("Signed in. One moment…");
    go(onward || next);
  } catch (error) {
    const forgotten = { rpId, credentialId: credential.id }; // the browser should stop offering what this site forgot
    if (error.code === "passkey_removed") PublicKeyCredential.signalUnknownCredential?.(forgotten).catch(() => {});
    again(error);
  }
}

function again(error) {
  report(error);
  pressed = false;
  if (error.wait) setTimeout(offer, error.wait * 1000); // the button works meanwhile
  else offer();
}

async function offer() {
  clearTimeout(refresh);
  try {
    refresh = setTimeout(offer, (await fresh()).until - Date.now() + 1);
    await ask({ mediation: "conditional" });
  } catch (error) {
    if (error.status !== undefined) report(error); // the rest is the browser's no to an offer that nobody took
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (pressed || obstacle()) return;
  pressed = true;
  form.querySelector("button").after(document.querySelector(".live"));
  say("Waiting for your device…");
  ask({}).catch(again);
});
form.inert = false; // not before this script is there; the other one may be first, or alone

document.getElementById("autofill").hidden = !(await window.PublicKeyCredential?.isConditionalMediationAvailable?.());
if (obstacle()) trouble(obstacle(), elsewhere);
else offer();
