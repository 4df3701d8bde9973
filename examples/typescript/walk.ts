/**
 * A login through the membrane of a seeded fixture tenant, and what follows it; wrong steps too.
 *
 * Every path, field and refusal code here is checked against `openapi.d.ts`, which is generated from the server's own
 * document. See docs/typescript.md for how to run it.
 */
import { createHmac, randomBytes } from "node:crypto";
import createClient from "openapi-fetch";

import type { components, paths } from "./openapi.js";
import { Passkey } from "./passkey.js";

type Schemas = components["schemas"];

/** What every answer has around its body. */
type Told = Omit<Schemas["StartedEnvelope"], "body">;

const url = said("WALK_URL");
const tenant = said("WALK_TENANT");
const origin = said("WALK_ORIGIN");
const relying_party_id = new URL(origin).hostname;
const device_binding = "device_binding:typescript_walk";
const subject = "human_person:anna";
const run = randomBytes(4).toString("hex");

/** What a fixture tenant wants to hear, and a live one owns itself. */
const owned = {
  vessel: "vessel:anna_browser_fixture",
  standing: "standing:anna_geschaeftsfuehrer_fixture",
  holder_key: "key_registry:fixture_session_signing",
  fixture: true,
  production_session: false,
};
const limits = {
  policy_ref: "auth_rate_limit_policy:login_fixture",
  window_seconds: 300,
  attempt_count: 1,
  soft_limit: 5,
  lockout_threshold: 10,
  lockout_seconds: 900,
};

function said(name: string): string {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: see docs/typescript.md`);
  }
  return value;
}

/** A client that bears this key or token. A fault of the server's own (500) is in no document, and ends the program. */
function bearing(credential: string) {
  const made = createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${credential}` } });
  made.use({
    onResponse({ response, schemaPath }) {
      if (response.status === 500) {
        throw new Error(`${schemaPath} answered 500`);
      }
    },
  });
  return made;
}

/** A no that this program does not know what to do with. */
class Refused extends Error {
  constructor(readonly envelope: Schemas["RefusedEnvelope"]) {
    const { operation, body } = envelope;
    super(`${operation} refused with ${body.stable_code}: ${body.message} ${body.remedy_hint}`);
  }
}

function tell(told: Told, words: string): void {
  console.log(`${told.operation} ${told.outcome}: ${words}`);
}

/** The answer of a step that must go well. */
function admitted<T extends Told>(answer: { data?: T; error?: Schemas["RefusedEnvelope"] }): T {
  if (answer.data === undefined) {
    throw answer.error ? new Refused(answer.error) : new Error("no answer");
  }
  return answer.data;
}

/** The code of a step that must be refused; `Code` is the union of the codes that the operation has. */
function refused<Code extends string>(answer: {
  data?: Told;
  error?: Told & { body: { stable_code: Code } };
}): Code {
  if (answer.error === undefined) {
    throw new Error(`${answer.data?.operation} went well, and should not have`);
  }
  tell(answer.error, answer.error.body.stable_code);
  return answer.error.body.stable_code;
}

function expect<Code extends string>(code: Code, wanted: NoInfer<Code>): void {
  if (code !== wanted) {
    throw new Error(`${code} came, and ${wanted} was expected`);
  }
}

const client = bearing(said("WALK_CLIENT_KEY"));
const passkey = new Passkey(origin);
const about = { tenant, subject, relying_party_id, origin };

/** Let the tenant know the public half of the passkey. */
async function makeKnown(): Promise<void> {
  const operator = bearing(said("WALK_OPERATOR_KEY"));
  const kept = admitted(
    await operator.POST("/v1/human-auth/passkey/import", {
      body: {
        ...about,
        credential_id_hash: passkey.credentialIdHash,
        public_key_uncompressed_hex: passkey.publicKeyHex,
        synced_passkey_allowed: false,
        fixture: true,
      },
    }),
  );
  tell(kept, `${kept.body.passkey_binding.public_key_algorithm}, bound to ${kept.body.passkey_binding.subject}`);
}

/** Answer a challenge; return the proof that the person was here. */
async function prove(asked: Pick<Schemas["Started"], "challenge" | "public_key_credential_request_options">) {
  const proof = admitted(
    await client.POST("/v1/human-auth/passkey/verify", {
      body: {
        tenant,
        challenge: asked.challenge.id,
        relying_party_id,
        ...passkey.sign(asked.public_key_credential_request_options),
      },
    }),
  );
  tell(proof, `for ${proof.body.scopes.join(" ")}`);
  return proof.body.human_presence_receipt;
}

/** Ask for fresh presence that serves one purpose. */
async function presence(purpose: string) {
  const options = admitted(
    await client.POST("/v1/human-auth/passkey/assertion/options", {
      body: { ...about, scopes: [purpose], device_binding },
    }),
  );
  return prove(options.body);
}

/** Begin, sign, end; return the first session and the presence that was spent on it. */
async function login() {
  const wanted: Schemas["StartWanted"] = {
    ...about,
    ...limits,
    source_ip_hash: `sha256:${createHmac("sha256", randomBytes(32)).update("192.0.2.7").digest("hex")}`,
    device_binding,
    fixture: true,
    production_login: false,
  };
  const elsewhere = { ...wanted, origin: "https://elsewhere.example.test" };
  expect(refused(await client.POST("/v1/auth/login/start", { body: elsewhere })), "human_auth_wrong_origin");
  const started = admitted(await client.POST("/v1/auth/login/start", { body: wanted }));
  tell(started, started.body.rate_limit_decision);

  const human_presence_receipt = await prove(started.body);
  const finish: Schemas["FinishWanted"] = {
    tenant,
    actor: subject,
    scopes: ["auth.session.inspect", "invoice.issue"],
    human_presence_receipt,
    login_challenge: started.body.challenge.id,
    auth_rate_limit_evaluation: started.body.auth_rate_limit_evaluation,
    device_binding,
    expires_in_seconds: 3600,
    session: `auth_session:fixture_login_${run}`,
    ...owned,
  };
  const finished = admitted(await client.POST("/v1/auth/login/finish", { body: finish }));
  const made = finished.body;
  const created = made.identity_binding_created || made.standing_created || made.company_authority_created;
  tell(finished, `${made.scopes.join(" ")}; ${created ? "something" : "nothing"} was created beside the session`);
  const again = refused(await client.POST("/v1/auth/login/finish", { body: finish }));
  expect(again, "auth_login_session_already_issued");
  return { made, spent: human_presence_receipt };
}

/** Issue a session beside the first; presence that no longer serves is proved anew. */
async function issue(token: string, human_presence_receipt: string, attempts = 2): Promise<Schemas["Issued"]> {
  const { data, error } = await bearing(token).POST("/v1/auth/sessions/issue", {
    body: {
      tenant,
      actor: subject,
      scopes: ["invoice.issue"],
      human_presence_receipt,
      device_binding,
      expires_in_seconds: 1800,
      session: `auth_session:fixture_issued_${run}`,
      ...owned,
    },
  });
  if (data) {
    tell(data, data.body.scopes.join(" "));
    return data.body;
  }
  switch (attempts > 1 && error.body.stable_code) {
    case "m13_human_presence_consumed":
    case "m13_human_presence_purpose_mismatch":
    case "m13_human_presence_stale":
      tell(error, `${error.body.stable_code}, so presence is proved again`);
      return issue(token, await presence("auth.session.issue"), attempts - 1);
    default:
      throw new Refused(error);
  }
}

/** Exchange a token for a fresh one; more scopes than before are not to be had. */
async function refresh(token: string): Promise<Schemas["Refreshed"]> {
  const body: Schemas["RefreshWanted"] = {
    tenant,
    human_presence_receipt: await presence("auth.session.refresh"),
    device_binding,
    expires_in_seconds: 1800,
    session: `auth_session:fixture_refreshed_${run}`,
    holder_key: owned.holder_key,
    fixture: true,
  };
  const bearer = bearing(token);
  const greedy = { ...body, scopes: ["invoice.issue", "auth.session.refresh"] };
  const code = refused(await bearer.POST("/v1/auth/sessions/refresh", { body: greedy }));
  expect(code, "auth_session_refresh_scope_expansion_refused");
  const fresh = admitted(await bearer.POST("/v1/auth/sessions/refresh", { body }));
  const previous = fresh.body.previous_session_remains_valid ? "lives on" : "has ended";
  tell(fresh, `${fresh.body.scopes.join(" ")}; the previous session ${previous}`);
  return fresh.body;
}

async function inspect(token: string): Promise<void> {
  const seen = admitted(await bearing(token).POST("/v1/auth/sessions/inspect"));
  tell(seen, `${seen.body.actor}, revoked: ${seen.body.revoked}`);
}

/** End a session, twice: the second time changes nothing and says so. */
async function revoke(token: string, session: string): Promise<void> {
  for (const _ of ["first", "again"]) {
    const over = admitted(await bearing(token).POST("/v1/authority/sessions/revoke", { body: { tenant, session } }));
    tell(over, over.body.stable_code ?? over.body.durable_state.state);
  }
}

await makeKnown();
const { made, spent } = await login();
await inspect(made.bearer_token);
const issued = await issue(made.bearer_token, spent);
const fresh = await refresh(issued.bearer_token);
await revoke(made.bearer_token, fresh.session);
expect(refused(await bearing(fresh.bearer_token).POST("/v1/auth/sessions/inspect")), "session_revoked");
console.log("Done.");
