// Speaks the membrane's envelopes: an answer is its body, a refusal says what it says in there.
import { call } from "./api.js";
import { get } from "./passkey.js";

const PLACE = { relying_party_id: location.hostname, origin: location.origin };
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const hex = (data) => [...new Uint8Array(data)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const hash = async (data) => `sha256:${hex(await crypto.subtle.digest("SHA-256", data))}`;
const named = (text) => hash(new TextEncoder().encode(text));

export async function cross(path, body) {
  const { body: answer } = await call("POST", `/v1/${path}`, body).catch((fault) => {
    const { stable_code: code, message, remedy_hint: remedy, retry_after_seconds: wait, request_id } = fault.body ?? {};
    if (!code) throw fault;
    const slower = fault.status === 429 ? `Try again in ${Math.ceil(wait / 60)} min.` : remedy;
    throw Object.assign(fault, { code, request_id, message: `${message} ${slower}` });
  });
  return answer;
}

// A new passkey for somebody whom a running recovery entitles; who they are stays a hash.
export async function register(entitled, title, create) {
  const [handle, name] = [await named(entitled.subject), await named(title)];
  const hashes = { user_handle_hash: handle, user_name_hash: name, user_display_name_hash: name };
  const asked = await cross("human-auth/passkey/registration/options", { ...entitled, ...PLACE, ...hashes });
  const o = asked.public_key_credential_creation_options;
  const made = await create({
    challenge: o.challenge, rp: o.rp, user: { id: o.user.id_b64url, name: title, displayName: title },
    pubKeyCredParams: o.pub_key_cred_params, timeout: o.timeout_ms, attestation: "none",
    authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
  });
  const { clientDataJSON, attestationObject, authenticatorData, publicKey } = made.response;
  const answer = await cross("human-auth/passkey/register", {
    ...entitled, ...PLACE, challenge: asked.challenge.id,
    credential_id_hash: await hash(bytes(made.rawId)),
    public_key_uncompressed_hex: hex(bytes(publicKey).slice(-65)), // the point stands last in its SubjectPublicKeyInfo
    sign_count: new DataView(bytes(authenticatorData).buffer).getUint32(33),
    client_data_json_b64url: clientDataJSON, attestation_object_b64url: attestationObject,
  });
  return { binding: answer.passkey_binding.id, id: made.id };
}

// A fresh proof of presence, for one act.
export async function prove(tenant, act, wanted = {}, allowed = []) {
  const asked = wanted.subject
    ? await cross("human-auth/passkey/assertion/options", { tenant, ...PLACE, scopes: [act], ...wanted })
    : await cross("human-auth/challenge", { tenant, scopes: [act] });
  const o = asked.public_key_credential_request_options;
  const allowCredentials = allowed.map((id) => ({ type: "public-key", id }));
  const given = await get({ challenge: o.challenge, rpId: o.rp_id, userVerification: "required", allowCredentials });
  const { clientDataJSON, authenticatorData, signature, userHandle } = given.response;
  const answer = await cross("human-auth/passkey/verify", {
    tenant, challenge: asked.challenge.id, credential_id_hash: await hash(bytes(given.rawId)),
    client_data_json_b64url: clientDataJSON, authenticator_data_b64url: authenticatorData, signature_b64url: signature,
    user_handle_b64url: userHandle ?? "",
  });
  return answer.human_presence_receipt;
}
