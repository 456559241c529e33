"use strict";

/** Numbers as Python writes them, with a true minus sign. */

/** The number as Python's format ".{digits}g" writes it: shortest after rounding, halves to even. */
function general(value, digits, pointed = false) {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "−inf";
  const minus = value < 0 || Object.is(value, -0) ? "−" : "";
  const [mantissa, exponent] = scientific(Math.abs(value), digits);
  const highest = pointed ? digits - 1 : digits;
  if (exponent < -4 || exponent >= highest) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${minus}${trimmed(`${mantissa[0]}.${mantissa.slice(1)}`)}e${exponent < 0 ? "−" : "+"}${size}`;
  }
  const fixed =
    exponent < 0
      ? `0.${"0".repeat(-exponent - 1)}${mantissa}`
      : `${mantissa.slice(0, exponent + 1)}.${mantissa.slice(exponent + 1)}`;
  const text = trimmed(fixed);
  return minus + (pointed && !text.includes(".") ? `${text}.0` : text);
}

/** That many digits of a number from 0 on, and its decimal exponent. */
function scientific(size, digits) {
  if (size === 0) return ["0".repeat(digits), 0];
  const parts = (text) => {
    const [mantissa, exponent] = text.split("e");
    return [mantissa.replace(".", ""), Number(exponent)];
  };
  const exact = parts(size.toExponential(60));
  const rest = exact[0].slice(digits);
  const half = rest[0] === "5" && /^50*$/.test(rest);
  // toExponential rounds halves up, Python rounds them to even.
  if (half && Number(exact[0][digits - 1]) % 2 === 0) return [exact[0].slice(0, digits), exact[1]];
  return parts(size.toExponential(digits - 1));
}

function trimmed(text) {
  return text.includes(".") ? text.replace(/\.?0*$/, "") : text;
}

/** As drawings write numbers: 4 significant digits. */
const short = (value) => general(value, 4);

/** As traces write numbers: 6 significant digits, and always a point. */
const number = (value) => general(value, 6, true);

/** The least and the greatest of several numbers, as drawings write them. */
function span(values) {
  if (values.some(Number.isNaN)) return "nan";
  const [least, greatest] = [short(Math.min(...values)), short(Math.max(...values))];
  return least === greatest ? least : `${least} … ${greatest}`;
}

/** The number that a text means; null if it is none. */
function parsed(text) {
  const plain = text.trim().replace("−", "-").replace(",", ".").toLowerCase();
  const names = { inf: Infinity, "+inf": Infinity, "-inf": -Infinity, nan: NaN };
  if (plain in names) return names[plain];
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(plain) ? Number(plain) : null;
}

/** All digits of a number, as Python names what is none. */
function exact(value) {
  if (!Number.isFinite(value) || value === 0) return general(value, 6);
  return String(value).replace("-", "−");
}
