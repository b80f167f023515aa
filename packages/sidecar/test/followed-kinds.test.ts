import { expect, test } from "@jest/globals";
import { type FollowedKind, problemsOf } from "../src/configuration/followed-kinds.ts";

function kindsWith(problems: number): readonly FollowedKind[] {
  const well = { resource: "pods", namespace: "well" };
  const bad = Array.from({ length: problems }, (_, index) => ({
    ...{ resource: "pods", namespace: `n${index}`, problem: `pods in n${index}: forbidden` },
  }));
  return [well, ...bad];
}

test("names each kind that can't be followed", () => {
  expect(problemsOf(() => kindsWith(0))).toEqual([]);
  expect(problemsOf(() => kindsWith(2))).toEqual([
    "pods in n0: forbidden",
    "pods in n1: forbidden",
  ]);
  expect(problemsOf(() => kindsWith(10))).toHaveLength(10);
});

test("of more than ten, says how many others there are and where they are named", () => {
  const shown = problemsOf(() => kindsWith(23));
  expect(shown).toHaveLength(11);
  expect(shown.at(9)).toBe("pods in n9: forbidden");
  expect(shown.at(10)).toBe("and 13 more: the log names each of them");
});
