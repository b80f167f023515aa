import { Worker } from "node:worker_threads";
import { describe, expect, test } from "@jest/globals";
import { type Diagnostic, formatDiagnostic, readTopology } from "@umbra/envoy-config";
import { testSize } from "../../../testing/test-size.ts";

function read(text: string | Uint8Array): readonly Diagnostic[] {
  return readTopology([{ name: "hostile.yaml", text }]).diagnostics;
}

/** Returns only the errors, which stop rendering. */
function errorsOf(text: string | Uint8Array): readonly string[] {
  return read(text).flatMap(({ severity, code, line, column }) =>
    severity === "error" ? `${line}:${column} ${code}` : [],
  );
}

interface InWorker {
  readonly counts: Readonly<Record<string, number>>;
  readonly longest: number;
}

/** Reads in a worker with a limit on memory and time. */
function readWithin(text: string, megabytes: number): Promise<InWorker> {
  const worker = new Worker(new URL("read-in-worker.ts", import.meta.url), {
    workerData: text,
    execArgv: ["--conditions=@umbra/source", "--disable-warning=ExperimentalWarning"],
    resourceLimits: { maxOldGenerationSizeMb: megabytes },
  });
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

const service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n";
const gateway =
  "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec: {listeners: [{name: http, port: 8080, protocol: HTTP}]}\n";

/** A list of ten values, repeated ten times in each of the given number of nested lists. */
function laughs(levels: number): string {
  const lists = Array.from(
    { length: levels },
    (_, level) => `  l${level + 1}: &l${level + 1} [${Array(10).fill(`*l${level}`).join(", ")}]\n`,
  );
  return `${service}  l0: &l0 [{port: 1}, {port: 2}]\n${lists.join("")}  ports: *l${levels}\n`;
}

describe("one diagnostic, in limited time and memory, for", () => {
  test.each<[string, string, string, number]>([
    ["a list of two million values", `${service}  ports: [${"0,".repeat(2e6)}0]`, "UMB0108", 512],
    [
      "more documents than the limit",
      "apiVersion: v1\nkind: ConfigMap\n---\n".repeat(30_000),
      "UMB0108",
      512,
    ],
    ["a file that is too large", " ".repeat(9 * 1024 * 1024), "UMB0108", 64],
    ["a million brackets", `${service}  ports: ${"[".repeat(1e6)}`, "UMB0108", 64],
    ["a million maps in maps", `${service}  ports: ${"{a: ".repeat(1e6)}`, "UMB0108", 64],
    ["a million keys of keys", "? ".repeat(1e6), "UMB0108", 64],
    ["lists in lists on one line", "- ".repeat(1e6), "UMB0108", 64],
    ["a tag of a million characters", "!".repeat(1e6), "UMB0101", 64],
    ["a key of a million characters", `${service}  ${"k".repeat(1e6)}: 1`, "UMB0101", 128],
  ])(
    "%s",
    async (_name, text, code, megabytes) => {
      const { counts, longest } = await readWithin(text, megabytes);
      expect(counts[code]).toBe(1);
      expect(longest).toBeLessThan(2_200);
    },
    120_000,
  );

  test.each([9, 25])(
    "aliases that expand to 10 to the power of %i",
    async (levels) => {
      const { counts } = await readWithin(laughs(levels), 512);
      expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBeLessThan(12);
    },
    120_000,
  );
});

test.each<[string, string, readonly string[]]>([
  ["refers to the value that contains it", "  ports: &a [*a]\n", ["5:14 UMB0108", "5:13 UMB0104"]],
  ["merges the map that contains it", "  <<: &m {<<: *m}\n", ["5:15 UMB0108"]],
  ["has no anchor", "  a: &port {port: 1}\n  ports: [*prot]\n", ["6:11 UMB0101", "6:10 UMB0104"]],
])("an alias that %s is reported", (_name, text, want) => {
  expect(errorsOf(service + text).toSorted()).toEqual(want.toSorted());
});

describe("keys", () => {
  test.each<[string, string, readonly string[]]>([
    ["twice in a map", "  type: a\n  type: b\n", ["6:3 UMB0111"]],
    ["twice, once quoted", '  "type": a\n  type: b\n', ["6:3 UMB0111"]],
    ["__proto__", "  __proto__: {polluted: 1}\n", ["5:3 UMB0110"]],
    ["that are maps", "  ? {a: 1}\n  : 1\n", []],
    ["null", "  null: 1\n", []],
  ])("%s", (_name, text, want) => {
    expect(errorsOf(service + text).filter((each) => !each.endsWith("UMB0201"))).toEqual(want);
    expect(({} as { readonly polluted?: unknown }).polluted).toBeUndefined();
  });

  test("named like properties of every object change no object", () => {
    const names = [
      "constructor",
      "prototype",
      "toString",
      "hasOwnProperty",
      "valueOf",
      "__defineGetter__",
    ];
    const labels = names.map((name) => `${name}: {prototype: {polluted: 1}}`).join(", ");
    const text = `apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {${names.map((name) => `${name}: x`).join(", ")}}}\nspec: {${labels}}\nstatus: {${names.map((name) => `${name}: x`).join(", ")}}\n---\n${gateway}`;
    const { diagnostics } = readTopology([{ name: "a", text }]);
    expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(({} as { readonly polluted?: unknown }).polluted).toBeUndefined();
    expect(typeof Object.prototype.toString).toBe("function");
  });

  test("named like properties of every object are not resources, kinds or pools", () => {
    for (const name of ["constructor", "__proto__", "toString"]) {
      const text = `apiVersion: ${name}\nkind: ${name}\nmetadata: {name: ${name.toLowerCase()}}\nspec: {}\n---\n${gateway}---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec: {parentRefs: [{name: g}], rules: [{backendRefs: [{kind: InferencePool, name: ${name}}, {name: ${name}, port: 1}]}]}\n`;
      const codes = read(text).map(({ code }) => code);
      expect(codes.filter((code) => code === "UMB0203")).toHaveLength(2);
    }
  });
});

describe("bytes", () => {
  const bytes = (...parts: readonly (string | readonly number[])[]) =>
    Buffer.concat(
      parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part))),
    );

  test.each<[string, Uint8Array, readonly string[]]>([
    ["that are not UTF-8", bytes("a: 1\nb: x", [0xff, 0xfe], "\n"), ["2:5 UMB0110"]],
    ["of a truncated character", bytes("a: é\nb: ", [0xe2, 0x82]), ["2:4 UMB0110"]],
    ["of half a surrogate pair", bytes("a: ", [0xed, 0xa0, 0x80]), ["1:4 UMB0110"]],
    ["of UTF-16", bytes([0xff, 0xfe], "a\0:\0"), ["1:1 UMB0110"]],
    ["with an overlong encoding", bytes("a: ", [0xc0, 0xaf]), ["1:4 UMB0110"]],
  ])("%s", (_name, text, want) => {
    expect(errorsOf(text)).toEqual([...want, ...(want.length === 0 ? ["1:1 UMB0201"] : [])]);
  });

  test("of a BOM are accepted", () => {
    expect(errorsOf(bytes([0xef, 0xbb, 0xbf], gateway))).toEqual([]);
  });
});

describe("values", () => {
  const at = (value: string) =>
    `${gateway}---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec:\n  parentRefs: [{name: g}]\n  rules: [{backendRefs: [{name: x, port: ${value}}]}]\n`;

  test.each([
    "1e400",
    "-1e400",
    ".inf",
    "-.inf",
    ".nan",
    "1e-400",
    "0x1F90000",
    "1.5",
    "-1",
    "0",
    "65536",
    "9007199254740993",
    "123456789012345678901234567890",
    '"80"',
    "'80'",
    "!!str 80",
    "!!binary ODA=",
    "!!float 80.5",
    "0o17777777",
    "80_80",
    "true",
    "[80]",
    "{port: 80}",
    "!!int x",
    "!!set {80}",
    "!foo 80a",
  ])("that are not a port: %s", (value) => {
    const found = errorsOf(at(value));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^11:\d+ UMB0\d{3}$/);
  });

  test.each(["\\r\\nx: y", "\\0", "\\n", "\\e[2J", "\\u2028", "\\u202e", "\\x7f", "\\ufeff"])(
    "with line breaks or terminal control characters: %s",
    (inside) => {
      const text = at("80").replace("name: x", `name: "x${inside}"`);
      const found = read(text).filter(({ severity }) => severity === "error");
      expect(found.map(({ code }) => code)).toEqual(["UMB0110"]);
      const shown = formatDiagnostic(found[0] as Diagnostic);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the test checks that there are none
      expect(shown.replaceAll("\n", "")).not.toMatch(/[\u0000-\u001f\u007f\u2028\u202e\ufeff]/);
    },
  );

  test.each([
    [
      "a name of a resource",
      "kind: Gateway\nmetadata: {name: g",
      "kind: Gateway\nmetadata: {name: NAME",
    ],
    ["a namespace", "{name: g}", "{name: g, namespace: NAME}"],
    ["a listener", "name: http", "name: NAME"],
  ])("that Kubernetes rejects for %s", (what, from, to) => {
    for (const name of [
      "a/b",
      '"a,b"',
      '"a b"',
      '"%REQ(:path)%"',
      "A",
      "-a",
      "a-",
      "a..b",
      "a_b",
      '"*"',
      `"${"a".repeat(254)}"`,
      // Only a namespace is one label.
      ...(what === "a namespace" ? [`"${"a".repeat(64)}"`] : []),
    ]) {
      const text = gateway.replace(from, to.replace("NAME", name));
      expect(text).not.toBe(gateway);
      expect([name, errorsOf(text)]).toEqual([name, [expect.stringMatching(/^\d+:\d+ UMB0104$/)]]);
    }
  });

  test.each([
    ["status: {podIP: evil.example.com, conditions: []}", "Pod", "v1"],
    ['status: {podIP: "10.0.0.1:80", conditions: []}', "Pod", "v1"],
    [
      "endpoints: [{addresses: [metadata.google.internal]}]",
      "EndpointSlice",
      "discovery.k8s.io/v1",
    ],
  ])("that are not an endpoint's address: %s", (field, kind, apiVersion) => {
    const text = `${gateway}---\napiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: a}\nspec: {}\n${field}\n`;
    expect(errorsOf(text)).toEqual([expect.stringMatching(/^10:\d+ UMB0104$/)]);
  });
});

describe("reading time is linear in the size of valid input", () => {
  const cpuMs = (run: () => void) => {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };

  test.each<[string, (count: number) => string]>([
    [
      "listeners",
      (count) =>
        `apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec: {listeners: [${Array.from({ length: count }, (_, i) => `{name: a${i}, port: ${i + 1024}, protocol: HTTP}`).join(",")}]}\n`,
    ],
    [
      "Pods",
      (count) =>
        `${gateway}---\napiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\nmetadata: {name: p}\nspec: {selector: {matchLabels: {app: x}}, targetPorts: [{number: 1}]}\n${Array.from({ length: count }, (_, i) => `---\napiVersion: v1\nkind: Pod\nmetadata: {name: p${i}, labels: {app: x}}\nspec: {}\nstatus: {podIP: 10.0.${i >> 8}.${i & 255}, conditions: [{type: Ready, status: "True"}]}\n`).join("")}`,
    ],
    [
      "unknown fields",
      (count) =>
        gateway.replace(
          "spec: {",
          `spec: {${Array.from({ length: count }, (_, i) => `zz${i}: 1, `).join("")}`,
        ),
    ],
    ...["\\n", " ", "\\t", "kind: ", "kind:\\n", "'kind' "].map(
      (part): [string, (count: number) => string] => [
        `a ConfigMap's text of many ${JSON.stringify(part)}`,
        (count) =>
          `${gateway}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: "${part.repeat(count * 40)}EndpointPickerConfig"}\n`,
      ],
    ),
  ])(
    "%s",
    (_name, make) => {
      const few = make(testSize(125, 250));
      const many = make(testSize(1_000, 2_000));
      read(few);
      // The minimum of three, because other load on the machine only adds time.
      const leastMs = (text: string) => Math.min(...[1, 2, 3].map(() => cpuMs(() => read(text))));
      const ratio = leastMs(many) / leastMs(few);
      // 8 if linear, 64 if quadratic.
      expect(ratio).toBeLessThan(32);
    },
    120_000,
  );
});

test("an empty document is not reported", () => {
  expect(errorsOf(`---\n---\n${gateway}---\n\n---\n# nothing\n`)).toEqual([]);
});
