// Exact amounts: limbs (see farthing/dashboard/views/cube.py) become one BigInt of 10^-18 units when they are shown.

const DECIMALS = 18;
const ONE = 10n ** 18n;
const CENT = 10n ** 16n;

export function fromLimbs(limbs) {
  let whole = 0n;
  for (let place = 0; place < 4; place++) whole = whole * 1000000n + BigInt(limbs[place] || 0);
  return whole;
}

export function fromText(text) {
  const found = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  const scaled = BigInt(found[2] + (found[3] || "").padEnd(DECIMALS, "0"));
  return found[1] ? -scaled : scaled;
}

export const toNumber = (amount) => Number(amount) / 1e18;

// As farthing.model.plain: no exponent, no trailing zeros, never -0.
export function plain(amount) {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(DECIMALS + 1, "0");
  const rest = digits.slice(-DECIMALS).replace(/0+$/, "");
  const text = digits.slice(0, -DECIMALS) + (rest ? `.${rest}` : "");
  return amount < 0n ? `-${text}` : text;
}

// The same for people: exact, with the minus that the rounded figures have.
export const exact = (amount) => plain(amount).replace("-", "−");

// To the cent, half to even, as `farthing report` rounds in its table.
export function inCents(amount) {
  const size = amount < 0n ? -amount : amount;
  let cents = size / CENT;
  const rest = size % CENT;
  if (rest * 2n > CENT || (rest * 2n === CENT && cents % 2n === 1n)) cents += 1n;
  return amount < 0n ? -cents : cents;
}

const grouped = (text) => text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");

export function cents(amount, sign = false) {
  const value = inCents(amount);
  const digits = (value < 0n ? -value : value).toString().padStart(3, "0");
  const text = `${grouped(digits.slice(0, -2))}.${digits.slice(-2)}`;
  if (value < 0n) return `−${text}`;
  return sign && value > 0n ? `+${text}` : text;
}

export function share(part, whole, sign = false) {
  if (whole <= 0n) return "–";
  const tenths = Number((part * 100000n) / whole) / 1000;
  const text = `${Math.abs(tenths).toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 })} %`;
  const zero = /^0[.]0 /.test(text);
  return tenths < 0 && !zero ? `−${text}` : sign && !zero ? `+${text}` : text;
}

// For axes and large figures; the exact amount is always near by.
export function short(value) {
  const size = Math.abs(value);
  const [unit, divisor] = size >= 1e12 ? ["T", 1e12] : size >= 1e9 ? ["B", 1e9] : size >= 1e6 ? ["M", 1e6] : size >= 1e4 ? ["K", 1e3] : ["", 1];
  const scaled = value / divisor;
  const digits = unit ? (Math.abs(scaled) >= 100 ? 0 : 1) : size >= 100 || Number.isInteger(value) ? 0 : 2;
  const text = Math.abs(scaled).toLocaleString("en", { maximumFractionDigits: digits });
  return `${value < 0 ? "−" : ""}${text}${unit}`;
}
