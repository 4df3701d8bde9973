// What the person reads is what they approve: the sentence is taken from the page, and the proof is bound to it.
import { call, report, say, trouble } from "./api.js";
import { elsewhere, get, obstacle } from "./passkey.js";

const PATH = "/api/v1/auth/presence/passkey";
const form = document.getElementById("presence");
const shown = document.getElementById("says");
let busy;

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (busy || obstacle()) return;
  busy = true;
  await prove(form.dataset).catch(report);
  busy = false;
});

async function prove({ purpose, operation, place }) {
  say("Waiting for your device…");
  const wanted = shown ? { purpose, operation, says: shown.textContent } : { purpose };
  const { attempt, options } = await call("POST", `${PATH}/begin`, wanted);
  const credential = await get(options);
  say("Checking…");
  const { presence } = await call("POST", `${PATH}/finish`, { attempt, credential });
  say("Done. One moment…");
  // In the fragment, which no browser sends and no server logs; and this page is no place to come back to.
  location.replace(`${place}#presence=${presence}`);
}

if (form && obstacle()) trouble(obstacle(), elsewhere);
