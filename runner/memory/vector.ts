// Vectors as memories keep them: eight bits a dimension, for directions are compared and lengths mean nothing. Pure.

/** Each between -127 and 127; the largest of them is one of the two, unless all are 0. */
export type Vector = Int8Array;

/** Loses about a hundredth of each number, and some ten-thousandths of how near two vectors are. */
export function packVector(values: readonly number[]): Vector {
  const most = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return Int8Array.from(values, (value) => (most === 0 ? 0 : Math.round((value / most) * 127)));
}

export function vectorText(vector: Vector): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.length).toString("base64");
}

export function readVector(text: string): Vector {
  const bytes = Buffer.from(text, "base64");
  return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** From -1 to 1; 0 where one of them has no direction. Both have the same length. */
export function cosineOf(a: Vector, b: Vector): number {
  let [product, lengthA, lengthB] = [0, 0, 0];
  for (let index = 0; index < a.length; index += 1) {
    const [x = 0, y = 0] = [a[index], b[index]];
    product += x * y;
    lengthA += x * x;
    lengthB += y * y;
  }
  return lengthA === 0 || lengthB === 0 ? 0 : product / Math.sqrt(lengthA * lengthB);
}

/** A hit's score: what points away from the query is as little of an answer as what has nothing to do with it. */
export function scoreOfCosine(cosine: number): number {
  return Math.max(0, Math.min(1, cosine));
}

/** What vectors are made by: only those of one space can be compared. */
export interface VectorSpace {
  /** What its provider calls it. */
  readonly model: string;
  readonly dimensions: number;
}

export function spaceText({ model, dimensions }: VectorSpace): string {
  return `${model} (${dimensions})`;
}
