// The sampling standard, version 1, in plain JavaScript: (key, index) -> word -> slope -> value. The page "The sampling standard" explains it.
"use strict";

const MASK = 0xffffffffn;
const MULTIPLIERS = [0xd2511f53n, 0xcd9e8d57n];
const KEY_STEPS = [0x9e3779b9n, 0xbb67ae85n];
const KEYS = 1n << 64n;
const FLOAT32_MAX = 2 ** 128 - 2 ** 104;

/** Philox4x32-10: four 32-bit words of four counter words and two key words, all BigInt. */
function philox([c0, c1, c2, c3], [k0, k1]) {
  for (let round = 0; round < 10; round += 1) {
    const product0 = MULTIPLIERS[0] * c0; // all of 64 bits: BigInt has no limit
    const product1 = MULTIPLIERS[1] * c2;
    [c0, c1, c2, c3] = [(product1 >> 32n) ^ c1 ^ k0, product1 & MASK, (product0 >> 32n) ^ c3 ^ k1, product0 & MASK];
    k0 = (k0 + KEY_STEPS[0]) & MASK;
    k1 = (k1 + KEY_STEPS[1]) & MASK;
  }
  return [c0, c1, c2, c3];
}

/** The words of the block with this number, which are those of the indices 4 * block to 4 * block + 3. */
function blockOfWords(key, block) {
  return philox([block & MASK, block >> 32n, 0n, 0n], [key & MASK, key >> 32n]);
}

/** The 32-bit word of one element; key and index are BigInt, the index counts modulo 2**64. */
function word(key, index) {
  const unsigned = BigInt.asUintN(64, index);
  return blockOfWords(key, unsigned >> 2n)[Number(unsigned & 3n)];
}

/** The words of the elements 0 to count - 1, each block made once. */
function words(key, count) {
  const made = [];
  for (let block = 0n; made.length < count; block += 1n) made.push(...blockOfWords(key, block));
  return made.slice(0, count);
}

/** The slopes between two bounds, (low + k) * 2**-shift for k in [0, high - low], or null where they are at most one. */
function lattice(lower, upper) {
  const greatest = Math.max(Math.abs(lower), Math.abs(upper));
  let exponent = -101;
  while (greatest > 2 ** exponent) exponent += 1;
  const shift = 24 - exponent;
  const [low, high] = [-floorScaled(-lower, shift), floorScaled(upper, shift)];
  return high <= low ? null : { low, high, shift };
}

function floorScaled(value, shift) {
  const scaled = value * 2 ** shift; // exact, unless it underflows to a zero that has lost its side
  return value < 0 && scaled === 0 ? -1 : Math.floor(scaled);
}

/** The constant slope of evaluation, in double. */
function midpoint(lower, upper) {
  return 0.5 * lower + 0.5 * upper;
}

/** The slope that a word picks from a lattice, a number that float32 holds exactly. */
function slopeOfWord(bits, { low, high, shift }) {
  const picked = (bits * BigInt(high - low + 1)) >> 32n; // a product of up to 57 bits
  return (low + Number(picked)) * 2 ** -shift;
}

/** The first `count` slopes of an array. */
function drawSlopes(key, count, lower, upper) {
  const points = lattice(lower, upper);
  if (points === null) return Array(count).fill(midpoint(lower, upper));
  return words(key, count).map((bits) => slopeOfWord(bits, points));
}

/** The value in float32 of an x that float32 holds: one product, rounded once; what is positive or NaN passes. */
function value(x, slope) {
  return x <= 0 ? Math.fround(x * Math.fround(slope)) : x;
}

globalThis.multirrelu = { FLOAT32_MAX, KEYS, drawSlopes, lattice, midpoint, philox, slopeOfWord, value, word, words };
