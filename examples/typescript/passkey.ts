/** A passkey in software: what a browser and an authenticator do, for programs that have neither. */
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;

/** What a passkey says to a challenge, in the words of `humanAuth.verifyPasskey`. */
export interface Assertion {
  credential_id_hash: string;
  client_data_json_b64url: string;
  authenticator_data_b64url: string;
  signature_b64url: string;
}

export function sha256(bytes: Uint8Array | string): Buffer {
  return createHash("sha256").update(bytes).digest();
}

/** A key pair on P-256 for one relying party. It asks nobody, and its private key stays in this object. */
export class Passkey {
  readonly #keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  readonly #id = randomBytes(32);
  #count = 0;

  /** `origin` is the one of the page that would ask. */
  constructor(private readonly origin: string) {}

  get credentialIdHash(): string {
    return `sha256:${sha256(this.#id).toString("hex")}`;
  }

  /** The public key as an uncompressed point (SEC 1): 04, x, y. */
  get publicKeyHex(): string {
    const { x, y } = this.#keys.publicKey.export({ format: "jwk" });
    return Buffer.concat([Buffer.of(4), Buffer.from(x ?? "", "base64url"), Buffer.from(y ?? "", "base64url")]).toString("hex");
  }

  /** Sign a challenge (Web Authentication Level 3, section 7.2): authenticator data and the hash of client data. */
  sign(options: { challenge: string; rp_id: string }): Assertion {
    const clientData = JSON.stringify({
      type: "webauthn.get",
      challenge: options.challenge,
      origin: this.origin,
      crossOrigin: false,
    });
    const flagsAndCount = Buffer.alloc(5);
    flagsAndCount.writeUInt8(USER_PRESENT | USER_VERIFIED);
    flagsAndCount.writeUInt32BE(++this.#count, 1);
    const authenticatorData = Buffer.concat([sha256(options.rp_id), flagsAndCount]);
    const signature = sign("sha256", Buffer.concat([authenticatorData, sha256(clientData)]), this.#keys.privateKey);
    return {
      credential_id_hash: this.credentialIdHash,
      client_data_json_b64url: Buffer.from(clientData).toString("base64url"),
      authenticator_data_b64url: authenticatorData.toString("base64url"),
      signature_b64url: signature.toString("base64url"),
    };
  }
}
