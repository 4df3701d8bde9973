// Where a code from a letter is typed. What was asked for outlives the page: who goes to read the mail may find it reloaded.
import { report, say, trouble } from "./api.js";

const KEPT = "ostiary-code";
const ANEW = "Send another code, and type that one.";
const WORDS = {
  login_refused: "That code is not right. Compare it with the newest letter, or send another one.",
  login_attempts_exhausted: `Too many wrong codes. ${ANEW}`,
  login_attempt_expired: `That code is too old. ${ANEW}`,
  login_attempt_spent: `That code has been used. ${ANEW}`,
  login_attempt_invalid: `That code belongs to another browser, or to a page of yesterday. ${ANEW}`,
  auth_rate_limit_throttled: "That code is not right, and many wrong ones came from here. Type the right one, or try again {when}.",
};
const LATER = { auth_rate_limit_throttled: "Another code can be sent {when}." };
const seconds = (until) => Math.max(0, Math.ceil((until - Date.now()) / 1000));

// `ask` sends a letter and returns what was asked, `answer` does what a typed code is for, `leave` goes elsewhere. What was
// sent about something, such as an address, is handed to each of them. `ways` stand aside meanwhile; `asking` is the form
// among them, or they themselves, where it is asked for.
export function entry({ ways, asking, ask, answer, leave }) {
  const place = document.querySelector("[data-code]");
  const [form, field, pause] = [place.querySelector("form"), place.querySelector("input"), place.querySelector("[data-pause]")];
  const live = document.querySelector(".live");
  const here = location.pathname + location.search;
  let asked, busy;

  async function run(act, words) {
    if (busy) return;
    busy = true;
    await act().catch((error) => report(Object.assign(error, { words })));
    busy = false;
  }

  async function send(about) {
    say("One moment…");
    const { attempt, digits, expires_in: life, again_in: wait } = await ask(about);
    asked = { attempt, digits, about, here, until: Date.now() + life * 1000, again: Date.now() + wait * 1000 };
    sessionStorage.setItem(KEPT, JSON.stringify(asked));
    show();
    say("Done. Look for the letter.");
  }

  function show() {
    for (const one of document.querySelectorAll("[data-address]")) one.textContent = asked.about;
    [ways.hidden, place.hidden] = [true, false];
    if (place.closest("details")) place.closest("details").open = true;
    form.append(live);
    say("");
    tick();
    field.value = "";
    field.focus();
  }

  function forget() {
    asked = null;
    sessionStorage.removeItem(KEPT);
    [ways.hidden, place.hidden] = [false, true];
    asking.append(live);
  }

  function tick() {
    if (!asked) return;
    const left = seconds(asked.again);
    pause.textContent = left ? `No letter? Another one can be sent in ${left} seconds.` : "No letter? It may lie among the unwanted mail.";
    if (left) setTimeout(tick, 1000);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const code = field.value.trim();
    if ((code.match(/\p{Nd}/gu) ?? []).length !== asked.digits) return trouble(`A code has ${asked.digits} digits. Look at the letter again.`);
    run(async () => {
      say("Checking…");
      await answer({ attempt: asked.attempt, code }, asked.about);
      sessionStorage.removeItem(KEPT);
    }, WORDS).then(() => field.select());
  });
  place.querySelector("[data-again]").addEventListener("click", () => {
    if (seconds(asked.again)) say(`Another code can be sent in ${seconds(asked.again)} seconds.`);
    else run(() => send(asked.about), LATER);
  });
  for (const one of place.querySelectorAll("[data-leave]")) {
    one.addEventListener("click", () => {
      forget();
      say("");
      leave(one.dataset.leave);
    });
  }

  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (kept?.here === here && seconds(kept.until)) {
    asked = kept;
    show();
  }
  return (about) => run(() => send(about), LATER);
}
