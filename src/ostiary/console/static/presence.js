// What the person reads is what they approve: the sentence is taken from the page, and the proof is bound to it.
import { call, report, say, trouble } from "./api.js";
import { entry } from "./code.js";
import { elsewhere, get, obstacle } from "./passkey.js";

const PATH = "/api/v1/auth/presence";
const ways = document.getElementById("presence");
const shown = document.getElementById("says");
const byPasskey = document.getElementById("by-passkey");
const byCode = document.getElementById("by-code");
const live = document.querySelector(".live");
let busy;

function wanted() {
  const { purpose, operation } = ways.dataset;
  return shown ? { purpose, operation, says: shown.textContent } : { purpose };
}

// In the fragment, which no browser sends and no server logs; and this page is no place to come back to.
function back({ presence }) {
  say("Done. One moment…");
  location.replace(`${ways.dataset.place}#presence=${presence}`);
}

async function prove() {
  byPasskey.append(live);
  say("Waiting for your device…");
  const { attempt, options } = await call("POST", `${PATH}/passkey/begin`, wanted());
  const credential = await get(options);
  say("Checking…");
  back(await call("POST", `${PATH}/passkey/finish`, { attempt, credential }));
}

byPasskey?.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (busy || obstacle()) return;
  busy = true;
  await prove().catch(report);
  busy = false;
});

if (byCode) {
  const send = entry({
    ways,
    asking: byCode,
    ask: () => call("POST", `${PATH}/email_code/begin`, wanted()),
    answer: async (given) => back(await call("POST", `${PATH}/email_code/finish`, given)),
    leave: () => byCode.querySelector("button").focus(),
  });
  byCode.addEventListener("submit", (event) => {
    event.preventDefault();
    byCode.append(live);
    send("");
  });
}

if (byPasskey && obstacle()) trouble(obstacle(), elsewhere);
