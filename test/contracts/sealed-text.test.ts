// What a manifest may hold as a sealed value, and what it says of one that is none.
import { describe, expect, it } from "vitest";
import { bindValue, readBoundValue, readSealedText } from "../../contracts/sealed-text.ts";
import { BY_AGE } from "../sealed.ts";

const bytes = Buffer.from(BY_AGE.split("\n").slice(1, -2).join(""), "base64");
const base64 = (change: (text: string) => string): string =>
  Buffer.from(change(bytes.toString("latin1")), "latin1").toString("base64");

describe("a sealed value", () => {
  it.each([
    ["armored", BY_AGE],
    ["armored with the line ends of Windows", BY_AGE.replaceAll("\n", "\r\n")],
    ["base64", bytes.toString("base64")],
    ["base64 in lines", bytes.toString("base64").replace(/(.{40})/g, "$1\n")],
  ])("is read %s", (_form, text) => {
    const read = readSealedText(text);
    expect(read).toEqual({ outcome: "sealed", bytes: expect.anything(), stanzas: ["X25519"] });
    expect(read.outcome === "sealed" && Buffer.from(read.bytes).equals(bytes)).toBe(true);
  });

  it.each([
    ["a plain text", "hunter2!", "it is neither armored age text nor base64"],
    ["nothing", "", "it is neither armored age text nor base64"],
    ["base64 of something else", Buffer.from("hunter22").toString("base64"), "it is no age file"],
    ["an armor without its end", BY_AGE.slice(0, 200), "it is neither armored age text nor base64"],
    ["an age file of which the payload is missing", base64((text) => text.slice(0, -40)), "the age file is cut"],
    ["a damaged header", base64((text) => text.replace("-> X", "->X")), "its age header is damaged"],
    ["one with a passphrase", base64((text) => text.replace("X25519", "scrypt")), "it is sealed with a passphrase"],
  ])("is not %s", (_what, text, why) => {
    expect(readSealedText(text)).toEqual({ outcome: "unreadable", why: expect.stringContaining(why) });
  });

  it("is read in a time that grows with its length only", () => {
    const header = `age-encryption.org/v1\n${`-> X25519 a\n${"A".repeat(64)}\n`.repeat(50_000)}`;
    expect(readSealedText(Buffer.from(header).toString("base64"))).toMatchObject({ outcome: "unreadable" });
  });
});

describe("what is sealed", () => {
  const place = { namespace: "team", name: "db", key: "password" };

  it("names its place, and may have lines", () => {
    expect(readBoundValue(bindValue(place, "a\nb"))).toEqual({ place: "team/db:password", value: "a\nb" });
  });

  it("has none where another program sealed it", () => {
    expect(readBoundValue("a\nb")).toEqual({ place: null, value: "a\nb" });
  });
});
