// Where a code from a letter is typed. What was asked for outlives the page: who goes to read the mail may find it reloaded.
import { call, report, say } from "./api.js";

const KEPT = "ostiary-code";
const ANEW = "Send another code, and type that one.";
const WORDS = {
  login_refused: "That code is not right. Compare it with the newest letter, or send another one.",
  login_attempts_exhausted: `Too many wrong codes. ${ANEW}`,
  login_attempt_expired: `That code is too old. ${ANEW}`,
  login_attempt_spent: `That code has been used. ${ANEW}`,
  login_attempt_invalid: `That code belongs to another browser, or to a page of yesterday. ${ANEW}`,
  auth_rate_limit_throttled: "Slow down: too many tries came from here. Try again {when}.",
};
const seconds = (until) => Math.max(0, Math.ceil((until - Date.now()) / 1000));

// What goes wrong with a code is told in words of its own.
export const worded = (promise) => promise.catch((error) => { throw Object.assign(error, { words: WORDS }); });

// `ask` sends a letter and returns what was asked, `answer` does what a typed code is for, `leave` goes elsewhere.
export function entry({ ask, answer, leave }) {
  const place = document.querySelector("[data-code]");
  const [form, field, pause] = [place.querySelector("form"), place.querySelector("input"), place.querySelector("[data-pause]")];
  const live = document.querySelector(".live");
  const here = location.pathname + location.search;
  let asked, busy;

  async function run(act) {
    if (busy) return;
    busy = true;
    await worded(act()).catch(report);
    busy = false;
  }

  async function send(address) {
    say("One moment…");
    const { attempt, expires_in: life, again_in: wait } = await ask(address);
    asked = { attempt, address, here, until: Date.now() + life * 1000, again: Date.now() + wait * 1000 };
    sessionStorage.setItem(KEPT, JSON.stringify(asked));
    show();
    say("Done. Look for the letter.");
  }

  function show() {
    for (const one of document.querySelectorAll("[data-address]")) one.textContent = asked.address;
    place.hidden = false;
    form.append(live);
    say("");
    tick();
    field.value = "";
    field.focus();
  }

  function forget() {
    asked = null;
    sessionStorage.removeItem(KEPT);
    place.hidden = true;
  }

  function tick() {
    if (!asked) return;
    const left = seconds(asked.again);
    pause.textContent = left ? `No letter? Another one can be sent in ${left} seconds.` : "No letter? It may lie among the unwanted mail.";
    if (left) setTimeout(tick, 1000);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run(async () => {
      say("Checking…");
      await answer({ attempt: asked.attempt, code: field.value.trim() });
      sessionStorage.removeItem(KEPT);
    }).then(() => field.select());
  });
  place.querySelector("[data-again]").addEventListener("click", () => {
    if (seconds(asked.again)) say(`Another code can be sent in ${seconds(asked.again)} seconds.`);
    else run(() => send(asked.address));
  });
  for (const one of place.querySelectorAll("[data-leave]")) {
    one.addEventListener("click", () => {
      forget();
      say("");
      leave(one.dataset.leave);
    });
  }

  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (kept?.here === here && seconds(kept.until)) asked = kept;
  return { send: (address) => run(() => send(address)), resumed: Boolean(asked) && (show(), true) };
}
