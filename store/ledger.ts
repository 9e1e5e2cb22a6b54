// What a task has spent, as the task's hash keeps it and as scripts answer it.
import { corrupt, isObject, jsonOf, listOf, numberOf, numberOrNull, textOf } from "./reply.ts";

export interface Ledger {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Held back for calls under way, and for calls whose answer was lost. */
  readonly reservedTokens: number;
  /** null: at least one price is unknown. */
  readonly costUsd: number | null;
  /** Millionths of a US dollar, held back as the tokens are. */
  readonly reservedMicroUsd: number;
  /** Calls of models and tools that began. */
  readonly steps: number;
  /** Tool, as policies compare it → its calls that began. */
  readonly calls: Readonly<Record<string, number>>;
}

/** What a task may spend at most, reservations included; null: no limit. */
export interface ReserveLimits {
  readonly microUsd: number | null;
  readonly steps: number | null;
  /** Of the tool that is called. */
  readonly calls: number | null;
}

export type Charge =
  /** One step. */
  | {
      readonly kind: "reserve";
      readonly tokens: number;
      /** Tokens that the task may spend at most, reservations included; null: no limit. */
      readonly limit: number | null;
      readonly microUsd?: number;
      /** The tool that is called; absent: a model. */
      readonly tool?: string;
      readonly limits?: ReserveLimits;
    }
  | {
      readonly kind: "settle";
      readonly reserved: number;
      readonly reservedMicroUsd?: number;
      readonly inputTokens: number;
      readonly outputTokens: number;
      readonly costUsd: number | null;
    }
  | { readonly kind: "release"; readonly reserved: number; readonly reservedMicroUsd?: number };

/** In the order in which scripts read and answer them. The last three are missing in tasks of earlier versions. */
export const LEDGER_FIELDS = [
  "inputTokens",
  "outputTokens",
  "reservedTokens",
  "costUsd",
  "reservedMicroUsd",
  "steps",
  "calls",
] as const;

export function readLedger(what: string, amounts: unknown): Ledger {
  const [input, output, reserved, cost, reservedMicroUsd, steps, calls] = listOf(what, amounts);
  return {
    inputTokens: numberOf(what, input),
    outputTokens: numberOf(what, output),
    reservedTokens: numberOf(what, reserved),
    costUsd: numberOrNull(what, cost),
    reservedMicroUsd: numberOf(what, reservedMicroUsd ?? 0),
    steps: numberOf(what, steps ?? 0),
    calls: readCalls(what, calls ?? ""),
  };
}

/** As scripts answer it (see `told` in scripts/lua.ts): a line for each amount, empty where there is none. */
export function readToldLedger(what: string, lines: unknown): Ledger {
  const [input, output, reserved, cost, reservedMicroUsd, steps, calls] = textOf(what, lines).split("\n");
  return readLedger(what, [input, output, reserved, cost, reservedMicroUsd || 0, steps || 0, calls]);
}

function readCalls(what: string, text: unknown): Readonly<Record<string, number>> {
  if (text === "") return {};
  const calls = jsonOf(what, text);
  if (!isObject(calls)) throw corrupt(what, "its calls cannot be read");
  return Object.fromEntries(Object.entries(calls).map(([tool, count]) => [tool, numberOf(what, count)]));
}

/** How many arguments stand for one charge. */
export const CHARGE_LENGTH = 8;

/** kind, then what each kind needs: the form in which scripts take a charge (see RECORD in scripts/lua.ts). */
export function chargeArguments(charge: Charge): (string | number)[] {
  switch (charge.kind) {
    case "reserve": {
      const { tokens, limit, microUsd = 0, tool = "", limits } = charge;
      return [
        "reserve",
        tokens,
        limit ?? "",
        microUsd,
        limits?.microUsd ?? "",
        limits?.steps ?? "",
        tool,
        limits?.calls ?? "",
      ];
    }
    case "settle": {
      const { reserved, reservedMicroUsd = 0, inputTokens, outputTokens, costUsd } = charge;
      return ["settle", reserved, inputTokens, reservedMicroUsd, outputTokens, costUsd ?? "", "", ""];
    }
    case "release":
      return ["release", charge.reserved, 0, charge.reservedMicroUsd ?? 0, 0, "", "", ""];
  }
}

/** What the ledger will be once the charge is written, as the scripts reckon it. */
export function afterCharge(ledger: Ledger, charge: Charge): Ledger {
  switch (charge.kind) {
    case "reserve":
      return {
        ...ledger,
        reservedTokens: ledger.reservedTokens + charge.tokens,
        reservedMicroUsd: ledger.reservedMicroUsd + (charge.microUsd ?? 0),
        steps: ledger.steps + 1,
        ...(charge.tool === undefined ? {} : { calls: countCall(ledger.calls, charge.tool) }),
      };
    case "release":
      return { ...ledger, ...withoutReserved(ledger, charge) };
    case "settle":
      return {
        ...ledger,
        ...withoutReserved(ledger, charge),
        inputTokens: ledger.inputTokens + charge.inputTokens,
        outputTokens: ledger.outputTokens + charge.outputTokens,
        costUsd: ledger.costUsd === null || charge.costUsd === null ? null : ledger.costUsd + charge.costUsd,
      };
  }
}

type Reserved = Pick<Ledger, "reservedTokens" | "reservedMicroUsd">;

function withoutReserved(ledger: Ledger, charge: Exclude<Charge, { kind: "reserve" }>): Reserved {
  return {
    reservedTokens: Math.max(0, ledger.reservedTokens - charge.reserved),
    reservedMicroUsd: Math.max(0, ledger.reservedMicroUsd - (charge.reservedMicroUsd ?? 0)),
  };
}

function countCall(calls: Ledger["calls"], tool: string): Ledger["calls"] {
  return { ...calls, [tool]: (Object.hasOwn(calls, tool) ? (calls[tool] ?? 0) : 0) + 1 };
}
