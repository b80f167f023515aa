import { expect, test } from "@jest/globals";
import { compareOne, noCounts } from "./fuzz/compare-scan.ts";
import { randomOf } from "./fuzz/json-texts.ts";

// `npm run fuzz:scan` makes millions of them.
test("the scan agrees with JSON.parse on 5,000 random texts", () => {
  const random = randomOf(1);
  const counts = noCounts();
  const differences: string[] = [];
  for (let i = 0; i < 5_000; i++) differences.push(compareOne(random, counts) ?? "");
  expect(differences.filter((each) => each !== "")).toEqual([]);
  // The texts are of all kinds.
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(5);
});
