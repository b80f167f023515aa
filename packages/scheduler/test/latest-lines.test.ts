import { describe, expect, test } from "@jest/globals";
import { parsePrometheusText, wantedNames } from "@umbra/scheduler/internal";

const wanted = wantedNames(["m"], undefined, "m");

function valuesOf(page: string): readonly number[] {
  return parsePrometheusText(page, wanted).map(({ value }) => value);
}

const line = (value: string, label = "a") => `m{l="${label}"} ${value}\n`;

describe("of a gauge of which the largest value counts", () => {
  test.each([
    { what: "one line", page: line("5"), values: [5] },
    { what: "a line without labels", page: "m 5\n", values: [5] },
    { what: "the largest of several", page: line("1") + line("3") + line("2"), values: [3] },
    { what: "lines that are equal", page: line("3") + line("3", "b"), values: [3, 3] },
    {
      what: "one number written in two ways",
      page: line("1700000000") + line("1.7e+09"),
      values: [1.7e9, 1.7e9],
    },
    { what: "fractions", page: line("1.25") + line("1.5") + line("1.05"), values: [1.5] },
    { what: "exponents", page: line("15e-1") + line("1e0") + line("2e-1"), values: [1.5] },
    {
      what: "timestamps behind values",
      page: line("4 1700000000") + line("5 1600000000"),
      values: [5],
    },
    { what: "a value before one below zero", page: line("-1") + line("-2"), values: [-1] },
    { what: "infinity", page: line("1") + line("+Inf"), values: [Number.POSITIVE_INFINITY] },
    { what: "the least of all alone", page: line("-Inf"), values: [Number.NEGATIVE_INFINITY] },
  ])("$what is read", ({ page, values }) => {
    expect(valuesOf(page)).toEqual(values);
  });

  test.each([
    { what: "not a number", page: line("NaN") },
    { what: "a word", page: line("soon") },
    { what: "a number with a letter in it", page: line("9x") },
    { what: "labels that don't end", page: 'm{l="a" 9\n' },
    { what: "labels that end too far before the line does", page: line(`9 ${"9".repeat(200)}`) },
    { what: "more digits than a number has", page: line("9".repeat(97)) },
    { what: "a label without a value", page: "m{l} 0\n" },
    { what: "a letter behind a label", page: 'm{l="a"x} 0\n' },
    { what: "no value", page: 'm{l="a"}\n' },
  ])("$what is ignored", ({ page }) => {
    expect(valuesOf(page)).toEqual([]);
    expect(valuesOf(page + line("0.5"))).toContain(0.5);
  });

  test("an exponent without digits at the page's end is no number", () => {
    expect(valuesOf('m{l="a"} 9e')).toEqual([]);
  });

  test("of equal lines 1,000 are read", () => {
    expect(valuesOf(line("1").repeat(1_001))).toHaveLength(1_000);
  });

  test("lines past their part of the work are left out, and what follows is read", () => {
    const many = wantedNames(["m", "n"], undefined, "m");
    const page = `${line("1")}${line("0.5").repeat(22_000)}${line("2")}n 7\n`;
    expect(parsePrometheusText(page, many).map(({ value }) => value)).toEqual([7, 1]);
  });
});
