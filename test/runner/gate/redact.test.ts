// Secrets are found as they are and in the encodings in which they travel; everything else is left alone.

import { describe, expect, it } from "vitest";
import { boundValue, TRACE_LIMITS } from "../../../runner/gate/bound.ts";
import { createRedactor } from "../../../runner/gate/redact.ts";
import { MIN_SECRET_LENGTH } from "../../../runner/gate/secret-forms.ts";
import { cpuClock } from "../../cpu-clock.ts";
import * as fc from "../../property.ts";

const SECRET = 'p@ss/w+rd "quoted" ünïcode';
const redactor = createRedactor([SECRET]);

describe("a secret", () => {
  it.each([
    ["as it is", SECRET],
    ["in JSON", JSON.stringify({ key: SECRET })],
    ["in a URL", `https://x.test/?k=${encodeURIComponent(SECRET)}&n=1`],
    ["in a form", `k=${encodeURIComponent(SECRET).replace(/%20/g, "+")}`],
    ["in hexadecimal", Buffer.from(SECRET).toString("hex")],
    ["in Base64", Buffer.from(SECRET).toString("base64")],
    ["in a Basic header", `Basic ${Buffer.from(`user:${SECRET}`).toString("base64")}`],
    ["in Base64 for URLs", Buffer.from(`ab${SECRET}`).toString("base64url")],
  ])("is taken out %s", (_, text) => {
    const redacted = redactor.text(text);
    expect(redacted).toContain("[secret]");
    for (const form of [SECRET, encodeURIComponent(SECRET)]) expect(redacted).not.toContain(form);
    expect(Buffer.from(redacted.replace(/^Basic /, ""), "base64").toString()).not.toContain("ss/w+rd");
  });

  it("is taken out wherever it stands in any text, in any encoding", () => {
    const secrets = fc
      .string({ minLength: 8, maxLength: 40, unit: "grapheme-ascii" })
      .filter((text) => text.trim().length >= 8);
    fc.assert(
      fc.property(secrets, fc.string({ maxLength: 20 }), fc.string({ maxLength: 20 }), (secret, before, after) => {
        const own = createRedactor([secret]);
        expect(own.text(before + secret + after)).not.toContain(secret);
        const encoded = Buffer.from(`${before}${secret}${after}`).toString("base64");
        expect(Buffer.from(own.text(encoded).split("[secret]")[0] ?? "", "base64").toString("latin1")).not.toContain(
          secret,
        );
        expect(own.text(encoded)).toContain("[secret]");
      }),
    );
  });

  it.each([
    ["in JSON within JSON", JSON.stringify(JSON.stringify({ key: SECRET }))],
    ["in JSON as Go writes it", "p@ss/w+rd \\u0022quoted\\u0022 \\u00fcn\\u00efcode"],
    ["in JSON as PHP writes it", JSON.stringify(SECRET).replaceAll("/", "\\/")],
    ["in a URL within a URL", encodeURIComponent(encodeURIComponent(SECRET))],
    ["in a URL with every byte escaped", Buffer.from(SECRET).toString("hex").replace(/../g, "%$&")],
    ["in markup", SECRET.replaceAll('"', "&quot;").replaceAll("ü", "&#252;").replaceAll("ï", "&#xEF;")],
  ])("is taken out %s", (_, text) => {
    expect(redactor.text(`<${text}>`).replace(/^[^[]*|[^\]]*$/g, "")).toBe("[secret]");
  });

  it("that a text was cut within is taken out, as far as it stands there", () => {
    expect(redactor.text('it is p@ss/w+rd "quo')).toBe("it is [secret]");
    expect(redactor.text('it is p@ss/w+r… (cut) and …"quoted" ünïcode')).toBe("it is [secret]… (cut) and …[secret]");
    expect(redactor.text("it is p@ss/w+r, whole")).toBe("it is p@ss/w+r, whole");
    const half = Buffer.from(SECRET).toString("base64").slice(0, 20);
    expect(redactor.text(`Basic ${half}`)).toBe("Basic [secret]");
  });

  it("with backslashes is found in no more time than another", () => {
    const own = createRedactor(["\\\\server\\share\\", 'a\\\\"\\/b']);
    const spentMs = cpuClock();
    expect(own.text("\\".repeat(1_000_000))).toHaveLength(1_000_000);
    expect(spentMs()).toBeLessThan(2_000);
  });

  it("of several lines is taken out line by line too", () => {
    const key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n-----END KEY-----";
    expect(createRedactor([key]).text("x MIIEvQIBADANBgkqhkiG9w0BAQ y")).toBe("x [secret] y");
  });

  it("in keys and values of any depth is taken out of a copy", () => {
    const value = { [SECRET]: [{ deep: `a${SECRET}b` }], n: 1, no: null };
    expect(redactor.value(value)).toEqual({ "[secret]": [{ deep: "a[secret]b" }], n: 1, no: null });
  });

  it("too short to be one is left alone, as is everything where there is none", () => {
    expect(createRedactor(["a".repeat(MIN_SECRET_LENGTH - 1), ""]).text("banana aaa")).toBe("banana aaa");
    expect(createRedactor([]).text("any (text)")).toBe("any (text)");
  });
});

describe("what enters a trace", () => {
  it("is cut with a mark and the digest of the whole", () => {
    const bounded = boundValue({ body: "x".repeat(TRACE_LIMITS.text + 1) }, redactor) as { body: string };
    expect(bounded.body).toMatch(/^x{2048}… \(cut: 2049 characters, sha256:[0-9a-f]{64}\)$/);
  });

  it("is bounded as a whole, in number and in depth", () => {
    const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`k${index}`, "value value"]));
    expect(boundValue(many, redactor)).toMatchObject({
      cut: expect.stringContaining("characters"),
      digest: expect.any(String),
    });
    let deep: unknown = "end";
    for (let level = 0; level < 200; level += 1) deep = { deep };
    expect(JSON.stringify(boundValue(deep, redactor)).length).toBeLessThan(1_000);
  });

  it("never ends in half a character", () => {
    const bounded = boundValue({ text: "😀".repeat(TRACE_LIMITS.text) + "x" }, redactor) as { text: string };
    expect(Buffer.from(bounded.text).toString()).toBe(bounded.text);
  });
});
