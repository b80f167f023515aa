import { lookup } from "node:dns/promises";
import type { Pool } from "@umbra/envoy-config";
import { modelListTooLong, readModelList } from "@umbra/openai";
import { engineOf, readMetricsPage } from "@umbra/scheduler/metrics";
import {
  foreignPage,
  foreignPageReason,
  type MetricsPlace,
  metricsPlaces,
  pageStatusReason,
  tooComplexReason,
} from "@umbra/scheduler/scrape";
import { unverifiedEndpoints } from "@umbra/sidecar";
import { areaOf, type Finding } from "./finding.ts";
import { getPage, type PageRead } from "./get-page.ts";
import { mapConcurrently } from "./map-concurrently.ts";

/** The answers of one endpoint. */
export interface EndpointAnswers {
  readonly metrics: PageRead;
  /** Location of the metrics page, or the first location tried; `<address>/metrics` when absent. */
  readonly place?: string;
  /** Base models and adapters; undefined if `/v1/models` is not a model list. */
  readonly models:
    | { readonly base: readonly string[]; readonly adapters: readonly string[] }
    | undefined;
  /** Why the list from `/v1/models` could not be read. */
  readonly unreadModels?: string;
  /** Status code if `/v1/models` refused the request. */
  readonly refusedModels?: number;
}

export interface QueryOptions {
  readonly timeoutMs: number;
  /** Value of the `authorization` header. */
  readonly authorization: string | undefined;
}

const atOnce = 32;
const deadlineMs = 60_000;
/** The sidecar's timeout for a metrics page. */
const slowMs = 1_000;
const maxClockDifferenceMs = 5_000;

/** Queries every endpoint of the pools once and returns the findings. */
export async function checkPools(
  pools: readonly Pool[],
  options: QueryOptions,
): Promise<readonly Finding[]> {
  const poolOf = new Map(
    pools.flatMap((pool) => pool.endpoints.map((address) => [address, pool] as const)),
  );
  const addresses = [...poolOf.keys()];
  const answers = await mapConcurrently([...poolOf], { atOnce, deadlineMs }, ([address, pool]) =>
    queryEndpoint(address, pool, options),
  );
  const byAddress = new Map(addresses.map((address, index) => [address, answers[index]]));
  const named = await mapConcurrently(pools, { atOnce, deadlineMs }, resolveName);
  return [
    ...pools.flatMap((pool, index) => [
      ...judgePool(pool, byAddress),
      ...(options.authorization === undefined ? [] : judgeTls(pool)),
      ...(named[index] === undefined ? [] : [named[index]]),
    ]),
    ...judgeClocks(byAddress),
  ];
}

async function queryEndpoint(
  address: string,
  pool: Pool,
  options: QueryOptions,
): Promise<EndpointAnswers> {
  const { tls } = pool;
  const scheme = tls === undefined ? "http" : "https";
  const settings = { ...pool.scrape, ...pool.endpointScrape[address] };
  const engine = engineOf(pool.endpointLabels[address] ?? {});
  const [first, ...others] = metricsPlaces(address, engine, settings, scheme);
  const ask = async (place: MetricsPlace) => {
    // The key of an endpoint with TLS is never sent in plain text.
    const isSafe = place.scheme === "https" || tls === undefined;
    const { timeoutMs, authorization } = options;
    const url = `${place.scheme}://${place.address}${place.path}`;
    const metrics = await getPage(url, {
      timeoutMs,
      tls,
      authorization: isSafe ? authorization : undefined,
    });
    return { metrics, place: `${place.address}${place.path}` };
  };
  let found = await ask(first);
  const { metrics } = found;
  const isDown = !metrics.ok && metrics.kind !== "status" && first.address === address;
  if (isDown) return { ...found, models: undefined };
  for (const other of others) {
    if (loadDetail(found.metrics) === bestWorth) break;
    const next = await ask(other);
    if (loadDetail(next.metrics) > loadDetail(found.metrics)) found = next;
  }
  const list = await getPage(`${scheme}://${address}/v1/models`, { ...options, tls });
  const refused = list.ok || list.status === undefined || !refusals.has(list.status);
  const tooLong = list.ok ? modelListTooLong(list.text) : undefined;
  return {
    ...found,
    models: list.ok ? readModelList(list.text) : undefined,
    ...(tooLong === undefined ? {} : { unreadModels: tooLong }),
    ...(refused ? {} : { refusedModels: list.status as number }),
  };
}

const refusals: ReadonlySet<number> = new Set([401, 403]);

const bestWorth = 3;

/** How much an answer reveals about the endpoint's load, 0 to 3. The location with the highest value is reported. */
function loadDetail(page: PageRead): number {
  if (!page.ok) return page.kind === "status" ? 1 : 0;
  if (foreignPage(page.text) !== undefined) return 1;
  const read = readMetricsPage(page.text, 0);
  if (!read.ok) return 1;
  return read.metrics.showsLoad === false ? 2 : bestWorth;
}

async function resolveName({ name, dns }: Pool): Promise<Finding | undefined> {
  if (dns === undefined) return undefined;
  const { ok, wrong } = areaOf(`pool ${name}`);
  try {
    const { address } = await lookup(dns.hostname);
    return ok(`${dns.hostname} resolves to ${address}; Envoy balances, Umbra does not pick`);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const message = `${dns.hostname} can't be resolved on this machine: ${code}`;
    const remedy = "run umbra doctor where the name resolves, or list endpoints with --endpoints";
    return wrong("warning", "UMB0410", message, remedy);
  }
}

type Answers = ReadonlyMap<string, EndpointAnswers | undefined>;

/** Pure. `answers` has an entry for each endpoint; undefined if time ran out before the query. */
function judgePool(pool: Pool, answers: Answers): readonly Finding[] {
  const { ok, wrong } = areaOf(`pool ${pool.name}`);
  const isReached = (address: string) => {
    const metrics = answers.get(address)?.metrics;
    return (
      metrics !== undefined &&
      (metrics.ok || metrics.kind === "status" || metrics.kind === "too_large")
    );
  };
  const isAnyReached = pool.endpoints.some(isReached);
  const findings = pool.endpoints.flatMap((address): readonly Finding[] => {
    const answer = answers.get(address);
    if (answer === undefined) {
      const message = `${address} was not checked: the time limit of ${deadlineMs / 1_000} s for all endpoints expired`;
      return [wrong("info", "UMB0410", message, "check fewer pools at once")];
    }
    const { metrics } = answer;
    if (!isReached(address) && !metrics.ok) {
      return [wrong(isAnyReached ? "warning" : "error", "UMB0410", `${address} ${metrics.reason}`)];
    }
    if (pool.picker === "none")
      return [ok(`${address} is reachable; Envoy balances, Umbra does not pick`)];
    if (pool.picker === "external")
      return [ok(`${address} is reachable; a third-party endpoint picker picks`)];
    return judgePage(pool, address, answer);
  });
  return [...findings, ...judgeLikeness(pool, answers), ...judgeModels(pool, answers)];
}

function judgePage(pool: Pool, address: string, answer: EndpointAnswers): readonly Finding[] {
  const { ok, wrong } = areaOf(`pool ${pool.name}`);
  const refused = judgeRefusal(pool, address, answer);
  const { metrics: page, place = `${address}/metrics` } = answer;
  if (!page.ok) {
    if (page.status !== undefined && refusals.has(page.status)) return refused;
    const path = place.slice(place.indexOf("/"));
    const [, remedy] = pageStatusReason(path, page.status ?? 0).split(": ");
    return [wrong("warning", "UMB0411", `${place} ${page.reason}`, remedy), ...refused];
  }
  const foreign = foreignPage(page.text);
  if (foreign !== undefined) {
    const [what, remedy] = foreignPageReason(place, foreign).split(/: (?=[a-z])/);
    return [wrong("warning", "UMB0411", what ?? place, remedy), ...refused];
  }
  const read = readMetricsPage(page.text, 0, engineOf(pool.endpointLabels[address] ?? {}));
  if (!read.ok && read.isTooComplex) {
    const [what, remedy] = tooComplexReason(place).split(/: (?=[a-z])/);
    return [wrong("warning", "UMB0411", what ?? place, remedy), ...refused];
  }
  if (!read.ok) {
    const missing = read.missing.join(", ");
    return [wrong("warning", "UMB0411", `${place} has no ${missing}`), ...refused];
  }
  if (page.tookMs > slowMs) {
    const message = `${place} took ${(page.tookMs / 1_000).toFixed(1)} s: the sidecar times out after ${slowMs / 1_000} s, then its metrics become stale`;
    return [wrong("warning", "UMB0412", message), ...refused];
  }
  const { waitingRequests, runningRequests, maxActiveAdapters, showsLoad } = read.metrics;
  const models =
    answer.models === undefined
      ? answer.unreadModels === undefined
        ? ""
        : `; model list not read: ${answer.unreadModels}`
      : `; ${namesOf([...answer.models.base, ...answer.models.adapters])}`;
  const slots =
    maxActiveAdapters === undefined
      ? "no adapter metrics yet"
      : maxActiveAdapters === 0
        ? "no LoRA"
        : `${maxActiveAdapters} LoRA ${maxActiveAdapters === 1 ? "slot" : "slots"}`;
  const load =
    showsLoad === false
      ? "reports no load yet"
      : `is ${read.engine}: ${waitingRequests} waiting, ${runningRequests} running`;
  return [
    ok(
      `${address} ${load}, ${slots}${models}; page of ${Math.ceil(page.bytes / 1024)} KiB in ${Math.ceil(page.tookMs)} ms`,
    ),
    ...refused,
  ];
}

/** Finds pages that the endpoint serves only with its API key. */
function judgeRefusal(
  { name }: Pool,
  address: string,
  { metrics, place = `${address}/metrics`, refusedModels }: EndpointAnswers,
): readonly Finding[] {
  const pages = [
    ...(!metrics.ok && metrics.status !== undefined && refusals.has(metrics.status)
      ? [`${place} answers ${metrics.status}: Umbra picks without this endpoint's load`]
      : []),
    ...(refusedModels === undefined
      ? []
      : [`${address}/v1/models answers ${refusedModels}: its models and adapters are unknown`]),
  ];
  return pages.map((message) => areaOf(`pool ${name}`).wrong("warning", "UMB0417", message));
}

/** Only a warning: the key is sent anyway, as it is to pools without TLS. */
function judgeTls(pool: Pool): readonly Finding[] {
  const [first, ...others] = unverifiedEndpoints(pool);
  if (first === undefined) return [];
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  const message = `the endpoint key is sent to ${first}${more} over unverified TLS`;
  return [areaOf(`pool ${pool.name}`).wrong("warning", "UMB0418", message)];
}

const mostShown = 4;

function namesOf(names: readonly string[]): string {
  const more = names.length - mostShown;
  return `${names.slice(0, mostShown).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** Requests are routed to endpoints with their model, so each model gets only part of the pool. */
function judgeLikeness({ name, endpoints }: Pool, answers: Answers): readonly Finding[] {
  const listed = endpoints.flatMap((address) => {
    const models = answers.get(address)?.models;
    return models === undefined ? [] : [{ address, base: models.base.toSorted().join(", ") }];
  });
  const [first] = listed;
  const other = listed.find(({ base }) => base !== first?.base);
  if (first === undefined || other === undefined) return [];
  const message = `${first.address} serves ${first.base || "no model"}, but ${other.address} serves ${other.base || "no model"}`;
  return [areaOf(`pool ${name}`).wrong("info", "UMB0413", message)];
}

/** Finds models that InferenceModels name but no endpoint serves. */
function judgeModels(
  { name, endpoints, models, rewrites }: Pool,
  answers: Answers,
): readonly Finding[] {
  const lists = endpoints.flatMap((address) => answers.get(address)?.models ?? []);
  if (lists.length === 0) return [];
  const served = new Set(lists.flatMap(({ base, adapters }) => [...base, ...adapters]));
  const renamed = new Map(
    rewrites.flatMap(({ model, targets }) =>
      model === undefined ? [] : [[model, targets] as const],
    ),
  );
  const wanted = new Set(
    models.flatMap((each) => renamed.get(each.name)?.map(({ model }) => model) ?? [each.name]),
  );
  const missing = [...wanted].filter((model) => !served.has(model));
  if (missing.length === 0) return [];
  const message = `no endpoint serves ${namesOf(missing)}, although the resources name it; served models: ${namesOf([...served])}`;
  return [areaOf(`pool ${name}`).wrong("warning", "UMB0414", message)];
}

/** A Date header has a resolution of one second. */
function judgeClocks(answers: Answers): readonly Finding[] {
  const apart = [...answers].flatMap(([address, answer]) => {
    const ahead = answer?.metrics.ok === true ? answer.metrics.clockAheadMs : undefined;
    return ahead !== undefined && Math.abs(ahead) > maxClockDifferenceMs
      ? [{ address, ahead }]
      : [];
  });
  if (apart.length === 0) return [];
  const [worst] = apart.toSorted((a, b) => Math.abs(b.ahead) - Math.abs(a.ahead));
  if (worst === undefined) return [];
  const seconds = Math.round(Math.abs(worst.ahead) / 1_000);
  const message = `the clock of ${worst.address} is ${seconds} s ${worst.ahead > 0 ? "ahead of" : "behind"} this machine's${apart.length > 1 ? `; ${apart.length - 1} more clocks differ` : ""}`;
  return [areaOf("machine").wrong("warning", "UMB0409", message)];
}
