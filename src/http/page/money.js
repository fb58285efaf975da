// Numbers as people write them: prices with their currency, where the shop names it.

let currency; // of the results shown, where they have one and the same

/** The currency an item names, in its payload or as an attribute. */
const named = ({ payload, attributes }) => payload?.currency ?? attributes.currency?.[0];

/** Hears of each answer's results: what is said of prices in general is in their currency. */
export function learnCurrency(results) {
  const all = new Set(results.filter(({ numbers }) => "price" in numbers).map(named));
  if (all.size) currency = all.size === 1 ? [...all][0] : undefined;
}

function money(number, of) {
  const digits = { minimumFractionDigits: Number.isInteger(number) ? 0 : 2, maximumFractionDigits: 2 };
  try {
    if (of) return new Intl.NumberFormat("en", { style: "currency", currency: of, ...digits }).format(number);
  } catch {
    // No currency that the browser knows.
  }
  return new Intl.NumberFormat("en", digits).format(number);
}

/** An item's price; empty where it has none. */
export const price = (item) => ("price" in item.numbers ? money(item.numbers.price, named(item)) : "");

/** A number of this key. */
export const amount = (key, number) => (key === "price" ? money(number, currency) : number.toLocaleString("en", { maximumFractionDigits: 6 }));
