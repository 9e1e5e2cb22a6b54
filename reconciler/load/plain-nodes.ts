// Makes the nodes of plain YAML. The library's constructors define the type of each node as a property that nobody lists,
// which takes longer than reading the line that it stands in: these nodes inherit it from one that was made so.
import { Pair, Scalar, YAMLMap, YAMLSeq } from "yaml";

export type PlainNode = Scalar | YAMLMap | YAMLSeq;

const SCALAR = new Scalar<unknown>(null);
const PAIR = new Pair<unknown>(null);
const MAP = new YAMLMap();
const SEQ = new YAMLSeq();

type ScalarFacts = Required<Pick<Scalar, "type" | "source" | "value">> & { readonly range: [number, number, number] };

export function makeScalar({ type, source, value, range }: ScalarFacts): Scalar {
  const scalar: Scalar = Object.create(SCALAR);
  scalar.type = type;
  scalar.source = source;
  scalar.value = value;
  scalar.range = range;
  return scalar;
}

export function makePair(key: Scalar, value: PlainNode): Pair {
  const pair: Pair = Object.create(PAIR);
  pair.key = key;
  pair.value = value;
  return pair;
}

/** Each with items of its own: what it inherits would be everybody's. */
export function makeMap(): YAMLMap {
  const map: YAMLMap = Object.create(MAP);
  map.items = [];
  return map;
}

export function makeSeq(): YAMLSeq {
  const seq: YAMLSeq = Object.create(SEQ);
  seq.items = [];
  return seq;
}
