// The pages of two links: cancel a recovery that waits, contest one that is done. The page shows, the button acts.
import { report, say, trouble } from "./api.js";
import { cross, prove } from "./membrane.js";
import { elsewhere, obstacle } from "./passkey.js";

const form = document.getElementById("undo");
const { act, tenant: own, done } = form.dataset;
let link, busy;

function take() {
  link = location.hash.slice(1) || link;
  history.replaceState(null, "", location.pathname);
  const lacking = act === "cancel" && !link?.includes(".") && "Open the whole link again, as it stands in the letter.";
  const missing = lacking || (act === "contest" && obstacle());
  for (const button of form.querySelectorAll("button")) button.hidden = Boolean(missing);
  trouble(missing || "", act === "contest" ? elsewhere : "");
}

const acts = {
  async cancel() {
    const [tenant, token] = link.split(".");
    await cross("auth/recovery/cancel", { tenant: `tenant_node:${tenant}`, cancel_token: token });
  },
  async contest() {
    say("Waiting for your device…");
    const proof = await prove(own, "auth.recovery.contest");
    await cross("auth/recovery/contest", { tenant: own, human_presence_receipt: proof });
  },
};

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (busy) return;
  busy = true;
  await acts[act]().then(() => {
    form.querySelectorAll("p:not(.live p), button").forEach((one) => (one.hidden = !one.closest(".live")));
    say(done);
  }).catch(report);
  busy = false;
});
addEventListener("hashchange", () => location.hash && take());
take();
