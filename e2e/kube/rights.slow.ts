// The chart's rights on a real API server, for both forms: each is used, none is missing, and one that is missing is named.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ApiClient } from "@umbra/kubernetes";
import { caseNamed, objectsOf } from "../chart/chart-files.ts";
import { type Right, rightsIn, rightsText } from "../chart/rights.ts";
import { until } from "../harness/until.ts";
import { defineOthers } from "./applied-chart.ts";
import { type AuditedServer, startAuditedServer } from "./audited-server.ts";
import { installDefinitions } from "./definitions.ts";
import { type PlacedChart, startPlacedChart } from "./placed-chart.ts";

let server: AuditedServer;
let admin: ApiClient;

beforeAll(async () => {
  server = await startAuditedServer();
  admin = server.kube.client();
  await installDefinitions(admin);
  await defineOthers(admin);
}, 300_000);

afterAll(async () => {
  await admin.close();
  await server.close();
}, 60_000);

const unique = (rights: readonly Right[]) => [...new Set(rightsText(rights))];
const lease = "leases.coordination.k8s.io";

/** Rights that are missing together: no one of them is only asked for after another. */
const lacks: readonly { readonly name: string; readonly isLacked: (right: Right) => boolean }[] = [
  { name: "to list", isLacked: ({ verb }) => verb === "list" },
  { name: "to watch", isLacked: ({ verb }) => verb === "watch" },
  {
    name: "to get objects",
    isLacked: ({ verb, resource }) => verb === "get" && resource !== lease,
  },
  { name: "to patch", isLacked: ({ verb }) => verb === "patch" },
  { name: "to create the Lease", isLacked: ({ verb }) => verb === "create" },
  {
    name: "to get the Lease",
    isLacked: ({ verb, resource }) => verb === "get" && resource === lease,
  },
  { name: "to update the Lease", isLacked: ({ verb }) => verb === "update" },
];

test.each(["gateway", "picker"])("the table below has each right of the %s once", (chartCase) => {
  const rights = rightsIn(objectsOf(caseNamed(chartCase)));
  const counts = rights.map((right) => lacks.filter(({ isLacked }) => isLacked(right)).length);
  expect(counts).toEqual(rights.map(() => 1));
});

describe.each(["gateway", "picker"])("the rights of the %s", (chartCase) => {
  const rights = rightsIn(objectsOf(caseNamed(chartCase)));
  const namespace = `with-${chartCase}`;
  const granted = unique(
    rights.map((right) => (right.namespace === undefined ? right : { ...right, namespace })),
  );
  let placed: PlacedChart | undefined;

  beforeAll(async () => {
    placed = await startPlacedChart({ kube: server.kube, admin, chartCase, namespace });
  }, 120_000);

  afterAll(() => placed?.running.stop(), 30_000);

  test("are all used", async () => {
    const unused = () => {
      const used = new Set(unique(server.askedBy(namespace)));
      return granted.filter((right) => !used.has(right));
    };
    await until("each right is used", () => unused().length === 0, 90_000).catch(() => undefined);
    expect(unused()).toEqual([]);
  }, 120_000);

  test("are all that is asked for", () => {
    const asked = server.askedBy(namespace);
    const known = new Set(granted);
    expect(unique(asked).filter((right) => !known.has(right))).toEqual([]);
    expect(asked.filter(({ status }) => status === 403)).toEqual([]);
  });
});

describe.each(
  ["gateway", "picker"].flatMap((chartCase) => lacks.map((lack) => ({ ...lack, chartCase }))),
)("a $chartCase without rights $name", ({ chartCase, name, isLacked }) => {
  const namespace = `${chartCase}-${name.toLowerCase().replaceAll(" ", "-")}`;
  const lacked = rightsIn(objectsOf(caseNamed(chartCase))).filter(isLacked);
  let placed: PlacedChart | undefined;

  beforeAll(async () => {
    const options = { kube: server.kube, admin, chartCase, namespace };
    placed = await startPlacedChart({ ...options, isLeftOut: isLacked });
  }, 120_000);

  afterAll(() => placed?.running.stop(), 30_000);

  test.each(lacked)(
    "names the right to $verb $resource, and the rule to add",
    async ({ verb, resource }) => {
      const [, plural, group = ""] = /^([^.]*)\.?(.*)$/.exec(resource) ?? [];
      const refused = `cannot ${verb} resource "${plural}" in API group "${group}"`;
      const named = () => warnings(placed).filter((each) => each.includes(refused));
      await until(`"${refused}"`, () => named().length > 0, 30_000);
      const rule = new RegExp(`add th(?:is|ese) rules? .*"resources":\\["${plural}"\\]`);
      expect(named()).toEqual(named().map(() => expect.stringMatching(rule)));
    },
    60_000,
  );

  test("complains about no other right, and names one on /readyz", async () => {
    const verbs = new Set(lacked.map(({ verb }) => verb));
    const refused = warnings(placed).flatMap(
      (each) => /cannot ([a-z]+) resource/.exec(each)?.[1] ?? [],
    );
    expect(refused.filter((verb) => !verbs.has(verb))).toEqual([]);
    await until("/readyz names one", async () => (await degraded(placed)).length > 0, 30_000);
    const [first] = await degraded(placed);
    expect(first).toMatch(/add th(?:is|ese) rules? /);
  }, 60_000);
});

/** What `/readyz` names as not as it should be; nothing while no one listens there. */
async function degraded(placed: PlacedChart | undefined): Promise<readonly string[]> {
  try {
    const answer = await fetch(`http://${placed?.probes}/readyz`);
    const { degraded: named = [] } = (await answer.json()) as {
      readonly degraded?: readonly string[];
    };
    return named;
  } catch {
    return [];
  }
}

/** What the process has warned of so far. */
function warnings(placed: PlacedChart | undefined): readonly string[] {
  // The last line may still be written.
  const lines = (placed?.running.output() ?? "").split("\n").slice(0, -1);
  return lines.flatMap((line) => {
    const { level, msg } = JSON.parse(line) as { readonly level: number; readonly msg: string };
    return level >= warn ? [msg] : [];
  });
}

/** The level of a warning, as pino writes it. */
const warn = 40;
