// The way in by a letter: an address, then the code that went there. It stands beside the passkeys, or alone.
import { begin, call, go, say, trouble } from "./api.js";
import { entry } from "./code.js";
import { elsewhere } from "./passkey.js";

const PATH = "/login/email_code";
const ways = document.getElementById("ways");
const passkeys = document.getElementById("sign-in");
const form = document.getElementById("by-code");
const address = document.getElementById("address");
const live = document.querySelector(".live");

const send = entry({
  ways,
  asking: form,
  ask: (email) => begin(`${PATH}/begin`, { email }),
  async answer(given) {
    const { next } = await call("POST", `${PATH}/finish`, given);
    say("Signed in. One moment…");
    go(ways.dataset.next || next);
  },
  leave: (where) => (where === "passkey" ? passkeys.querySelector("button") : address).focus(),
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  form.append(live);
  if (elsewhere) displaced();
  else send(address.value.trim());
});

function displaced() {
  trouble(`This page belongs to ${new URL(elsewhere).origin}: open it there.`, elsewhere);
}

form.inert = false; // see sign-in.js
if (elsewhere && !passkeys) displaced();
