// Translates the Lua of Redis scripts into JavaScript, so that the simulator runs the scripts themselves and not a second
// writing of them. It knows the part of Lua 5.1 that scripts use, and says so where it meets another one.
import { readTokens, type Token } from "./tokens.ts";

/** The body of `(G, rt) => unknown[]`: `G` holds the globals, `rt` the OPERATORS of lua/values.ts. */
export function translate(lua: string): string {
  return new Translator(readTokens(lua)).chunk();
}

/** From loose to tight. */
const BINARY: readonly (readonly string[])[] = [
  ["or"],
  ["and"],
  ["<", ">", "<=", ">=", "~=", "=="],
  [".."],
  ["+", "-"],
  ["*", "/", "%"],
];

/** Text of an expression; `multi`: it may stand for several values, and is an array of them. */
interface Expression {
  readonly js: string;
  readonly multi: boolean;
}

class Translator {
  readonly #tokens: readonly Token[];
  #at = 0;
  #made = 0;
  /** Lua's names of the open scopes, innermost last, and what they are called in JavaScript. */
  #scopes: Map<string, string>[] = [];

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  chunk(): string {
    const body = this.#block();
    if (this.#next.kind !== "end") throw this.#wrong("the end of the script");
    return `${body} return [];`;
  }

  get #next(): Token {
    return this.#tokens[this.#at] ?? { kind: "end", text: "", line: 0 };
  }

  #wrong(wanted: string): SyntaxError {
    const { text, line } = this.#next;
    return new SyntaxError(`line ${line} of a script: ${wanted} should stand where \`${text}\` does`);
  }

  #is(...texts: readonly string[]): boolean {
    const { kind, text } = this.#next;
    return (kind === "op" || kind === "keyword") && texts.includes(text);
  }

  #take(text: string): boolean {
    if (!this.#is(text)) return false;
    this.#at += 1;
    return true;
  }

  #need(text: string): void {
    if (!this.#take(text)) throw this.#wrong(`\`${text}\``);
  }

  #name(): string {
    const { kind, text } = this.#next;
    if (kind !== "name") throw this.#wrong("a name");
    this.#at += 1;
    return text;
  }

  #declare(name: string): string {
    this.#made += 1;
    const js = `${name}$${this.#made}`;
    this.#scopes.at(-1)?.set(name, js);
    return js;
  }

  #variable(name: string): string {
    const scope = this.#scopes.findLast((names) => names.has(name));
    return scope?.get(name) ?? `G[${JSON.stringify(name)}]`;
  }

  /** `names` are declared in the block's own scope. */
  #block(names: readonly string[] = [], open: (declared: readonly string[]) => string = () => ""): string {
    this.#scopes.push(new Map());
    const lines = [open(names.map((name) => this.#declare(name)))];
    while (this.#next.kind !== "end" && !this.#is("end", "else", "elseif", "until")) lines.push(this.#statement());
    this.#scopes.pop();
    return lines.join("\n");
  }

  #statement(): string {
    if (this.#take(";")) return "";
    if (this.#take("local")) return this.#take("function") ? this.#localFunction() : this.#local();
    if (this.#take("if")) return this.#if();
    if (this.#take("for")) return this.#for();
    if (this.#take("while")) return this.#while();
    if (this.#take("return")) return this.#return();
    if (this.#take("break")) return "break;";
    if (this.#take("do")) return this.#body("{");
    return this.#assignmentOrCall();
  }

  #body(head: string): string {
    const body = this.#block();
    this.#need("end");
    return `${head} ${body} }`;
  }

  #local(): string {
    const names = [this.#name()];
    while (this.#take(",")) names.push(this.#name());
    // The values are read before the names exist: `local a = a` speaks of an outer one.
    const values = this.#take("=") ? this.#list() : "[]";
    return `let [${names.map((name) => this.#declare(name)).join(", ")}] = ${values};`;
  }

  #localFunction(): string {
    const name = this.#declare(this.#name());
    return `const ${name} = ${this.#function()};`;
  }

  #function(): string {
    this.#need("(");
    const names: string[] = [];
    while (!this.#is(")")) {
      names.push(this.#name());
      this.#take(",");
    }
    this.#need(")");
    let parameters = "";
    const body = this.#block(names, (declared) => {
      parameters = declared.join(", ");
      return "";
    });
    this.#need("end");
    return `((${parameters}) => { ${body} return []; })`;
  }

  #if(): string {
    const condition = this.#single();
    this.#need("then");
    const head = `if (rt.truthy(${condition})) { ${this.#block()} }`;
    if (this.#take("elseif")) return `${head} else { ${this.#if()} }`;
    if (this.#take("else")) return this.#body(`${head} else {`);
    this.#need("end");
    return head;
  }

  #while(): string {
    const condition = this.#single();
    this.#need("do");
    return this.#body(`while (rt.truthy(${condition})) {`);
  }

  #for(): string {
    const names = [this.#name()];
    while (this.#take(",")) names.push(this.#name());
    const isNumeric = this.#take("=");
    if (!isNumeric) this.#need("in");
    const values = this.#list();
    this.#need("do");
    this.#made += 1;
    const item = `item$${this.#made}`;
    const body = this.#block(names, (declared) => `let [${declared.join(", ")}] = ${item};`);
    this.#need("end");
    return `for (const ${item} of ${isNumeric ? "rt.counted" : "rt.each"}(...${values})) { ${body} }`;
  }

  #return(): string {
    const isBare = this.#next.kind === "end" || this.#is("end", "else", "elseif", "until", ";");
    return `return ${isBare ? "[]" : this.#list()};`;
  }

  #assignmentOrCall(): string {
    const first = this.#suffixed();
    if (!this.#is("=", ",")) return `${first.js};`;
    const targets = [first.js];
    while (this.#take(",")) targets.push(this.#suffixed().js);
    this.#need("=");
    const values = this.#list();
    this.#made += 1;
    const given = `given$${this.#made}`;
    const lines = targets.map((target, index) => assignment(target, `${given}[${index}]`));
    return `{ const ${given} = ${values}; ${lines.join(" ")} }`;
  }

  /** An array of all values of a list of expressions. */
  #list(): string {
    const items = [this.#expression()];
    while (this.#take(",")) items.push(this.#expression());
    return arrayOf(items);
  }

  #single(): string {
    return one(this.#expression());
  }

  #expression(level = 0): Expression {
    const operators = BINARY[level];
    if (operators === undefined) return this.#unary();
    let left = this.#expression(level + 1);
    while (this.#is(...operators)) {
      const operator = this.#next.text;
      this.#at += 1;
      // `..` binds to the right.
      const right = one(this.#expression(operator === ".." ? level : level + 1));
      left = { js: binary(operator, one(left), right), multi: false };
    }
    return left;
  }

  #unary(): Expression {
    if (this.#take("not")) return { js: `!rt.truthy(${one(this.#unary())})`, multi: false };
    if (this.#take("-")) return { js: `(-rt.number(${one(this.#unary())}))`, multi: false };
    if (this.#take("#")) return { js: `rt.length(${one(this.#unary())})`, multi: false };
    return this.#primary();
  }

  #primary(): Expression {
    const { kind, text } = this.#next;
    if (kind === "number" || kind === "string") {
      this.#at += 1;
      return { js: kind === "number" ? text : JSON.stringify(text), multi: false };
    }
    if (this.#take("nil")) return { js: "undefined", multi: false };
    if (this.#is("true", "false")) {
      this.#at += 1;
      return { js: text, multi: false };
    }
    if (this.#take("{")) return { js: this.#table(), multi: false };
    if (this.#take("function")) return { js: this.#function(), multi: false };
    return this.#suffixed();
  }

  #table(): string {
    const items: Expression[] = [];
    const fields: string[] = [];
    while (!this.#take("}")) {
      const after = this.#tokens[this.#at + 1];
      if (this.#next.kind === "name" && after?.kind === "op" && after.text === "=") {
        const name = JSON.stringify(this.#name());
        this.#need("=");
        fields.push(`[${name}, ${this.#single()}]`);
      } else if (this.#take("[")) {
        const key = this.#single();
        this.#need("]");
        this.#need("=");
        fields.push(`[${key}, ${this.#single()}]`);
      } else {
        items.push(this.#expression());
      }
      if (!this.#take(",")) this.#take(";");
    }
    return `rt.table(${arrayOf(items)}, [${fields.join(", ")}])`;
  }

  #suffixed(): Expression {
    let found: Expression = this.#take("(")
      ? this.#inParentheses()
      : { js: this.#variable(this.#name()), multi: false };
    for (;;) {
      if (this.#take(".")) found = { js: `rt.at(${one(found)}, ${JSON.stringify(this.#name())})`, multi: false };
      else if (this.#take("[")) {
        found = { js: `rt.at(${one(found)}, ${this.#single()})`, multi: false };
        this.#need("]");
      } else if (this.#take("(")) {
        const given = this.#is(")") ? "[]" : this.#list();
        this.#need(")");
        found = { js: `rt.call(${one(found)}, ${given})`, multi: true };
      } else return found;
    }
  }

  #inParentheses(): Expression {
    const js = this.#single();
    this.#need(")");
    return { js: `(${js})`, multi: false };
  }
}

function one({ js, multi }: Expression): string {
  return multi ? `${js}[0]` : js;
}

/** Only the last of several may stand for more than one value. */
function arrayOf(items: readonly Expression[]): string {
  const last = items.length - 1;
  return `[${items.map((item, index) => (item.multi && index === last ? `...${item.js}` : one(item))).join(", ")}]`;
}

function assignment(target: string, value: string): string {
  const access = /^rt\.at\((.*)\)$/s.exec(target);
  return access === null ? `${target} = ${value};` : `rt.put(${access[1]}, ${value});`;
}

function binary(operator: string, left: string, right: string): string {
  switch (operator) {
    case "or":
      return `rt.or(${left}, () => ${right})`;
    case "and":
      return `rt.and(${left}, () => ${right})`;
    case "==":
      return `(${left} === ${right})`;
    case "~=":
      return `(${left} !== ${right})`;
    case "<":
      return `rt.less(${left}, ${right})`;
    case ">":
      return `rt.less(${right}, ${left})`;
    case "<=":
      return `!rt.less(${right}, ${left})`;
    case ">=":
      return `!rt.less(${left}, ${right})`;
    case "..":
      return `(rt.text(${left}) + rt.text(${right}))`;
    case "%":
      return `rt.modulo(${left}, ${right})`;
    default:
      return `(rt.number(${left}) ${operator} rt.number(${right}))`;
  }
}
