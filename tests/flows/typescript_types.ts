/** What the generated types must refuse: each line below an `expect-error` is an error, or this file is one. */
import createClient from "openapi-fetch";

import type { components, operations, paths } from "./openapi.js";

type Schemas = components["schemas"];
type Issue = operations["auth.sessionIssue"]["responses"];

export const refresh: Schemas["RefreshWanted"] = { tenant: "tenant_node:default", expires_in_seconds: 60 };

export const unknown: Schemas["RefreshWanted"] = {
  ...refresh,
  // @ts-expect-error a request takes no other members
  colour: "red",
};

// @ts-expect-error the tenant is required
export const nowhere: Schemas["RefreshWanted"] = { expires_in_seconds: 60 };

// @ts-expect-error a number is no text
export const counted: Schemas["RefreshWanted"] = { ...refresh, expires_in_seconds: "60" };

export const stale: Issue[403]["content"]["application/json"]["body"]["stable_code"] = "m13_human_presence_stale";

// @ts-expect-error that code comes with another status
export const revoked: Issue[403]["content"]["application/json"]["body"]["stable_code"] = "session_revoked";

// @ts-expect-error no such code
export const invented: Issue[403]["content"]["application/json"]["body"]["stable_code"] = "m13_moon_too_full";

// @ts-expect-error of an answer every member is there
export const shown: Schemas["Durable"] = { ref: "auth_session:x", state: "active" };

export async function codes(): Promise<string> {
  const { data, error } = await createClient<paths>().POST("/v1/auth/sessions/refresh", { body: refresh });
  if (data) {
    // @ts-expect-error an inspection's member, not a refresh's
    return data.body.stale_key;
  }
  // @ts-expect-error a refusal of a login, which a refresh does not have
  if (error.body.stable_code === "auth_login_challenge_mismatch") {
    return "";
  }
  return error.body.stable_code === "token_reused" ? error.body.remedy_hint : "";
}

// @ts-expect-error there is no such path
export const path: keyof paths = "/v1/auth/sessions/renew";
