// Two ways to the same end: the button, and the browser's own list under the field. One challenge serves both.
import { call, go, report, say } from "./api.js";
import { get, obstacle } from "./passkey.js";

const form = document.getElementById("sign-in");
let question = null;
let asking = null;
let asked = Promise.resolve();
let busy = false;
let refresh = 0;

async function fresh() {
  if (question === null || question.until < Date.now()) {
    const answer = await call("POST", "/login/passkey/begin", {});
    question = { ...answer, until: Date.now() + (answer.expires_in - 30) * 1000 };
  }
  return question;
}

async function finish({ attempt, options }, credential) {
  say("Checking…");
  question = null;
  try {
    const { next } = await call("POST", "/login/passkey/finish", { attempt, credential });
    say("Signed in. One moment…");
    go(form.dataset.next || next);
  } catch (error) {
    if (error.code !== "passkey_removed") throw error;
    // The browser holds a key that this site has forgotten: tell it, so that it stops offering it.
    const forgotten = { rpId: options.rpId, credentialId: credential.id };
    await PublicKeyCredential.signalUnknownCredential?.(forgotten).catch(() => {});
    report("This passkey was removed from your account. Use another one, or ask an administrator for a new invitation.");
    offer();
  }
}

// A browser runs one request at a time: the earlier one is ended, and its end awaited, before the next begins.
async function ask(how) {
  asking?.abort();
  await asked;
  asking = new AbortController();
  const current = await fresh();
  const answer = get(current.options, { ...how, signal: asking.signal });
  asked = answer.catch(() => {});
  await finish(current, await answer);
}

async function offer() {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) {
    document.getElementById("autofill").hidden = true;
    return;
  }
  clearTimeout(refresh);
  try {
    await fresh();
    refresh = setTimeout(() => busy || offer(), question.until - Date.now());
    await ask({ mediation: "conditional" });
  } catch (error) {
    report(error);
    if (error.status === 401) offer();
  }
}

async function press(event) {
  event.preventDefault();
  if (busy) return;
  busy = true;
  say("Waiting for your device…");
  try {
    await ask({});
  } catch (error) {
    report(error);
    if (error.status !== 0) offer();
  } finally {
    busy = false;
  }
}

form.addEventListener("submit", press);
if (obstacle()) report(obstacle());
else offer();
