import type { ModelServerMetrics } from "../model/endpoint.ts";
import { type EngineMetrics, type EngineName, engines, type Selector } from "./engines.ts";
import { adapterLists, namesOf, processStart, runtimeNames, wanted } from "./page-names.ts";
import { createPageWork, type PageWork } from "./page-work.ts";
import { parsePrometheusText } from "./prometheus-text.ts";
import type { Sample } from "./sample-line.ts";

/** What a metrics page shows, or why it can't be used. */
export type MetricsPage =
  | { readonly ok: true; readonly engine: EngineName; readonly metrics: ModelServerMetrics }
  /** `missing`: names of required metrics that the page lacks. `isTooComplex`: the page takes too long to read. */
  | { readonly ok: false; readonly missing: readonly string[]; readonly isTooComplex?: true };

/**
 * Reads a model server's metrics page. Without `engine`, detects the engine from the metrics on the page.
 *
 * Several series (data parallel engines) are one endpoint: their requests are summed, and the fullest KV cache is used.
 * Invalid values (NaN, negative) count as missing. Some servers have request gauges only after a first request: a page
 * without them that otherwise has only names of a known engine that has served nothing, or of its Python process, shows
 * no load yet.
 *
 * @param page its text, or its bytes in UTF-8, which is faster
 * @param scrapedAtMs when the page arrived, in ms of the pool's clock
 */
export function readMetricsPage(
  page: string | Uint8Array,
  scrapedAtMs: number,
  engine?: EngineName,
): MetricsPage {
  const work = createPageWork();
  const samples = Map.groupBy(parsePrometheusText(page, wanted, work), ({ name }) => name);
  if (work.left < 0) return tooComplex;
  const name = engine ?? engineIn(samples);
  const known = engines.get(name) as EngineMetrics;
  // Before a server's first request, no value on its page counts as load.
  const load = isBeforeFirstRequest(page, samples, known) ? unloaded : loadOf(samples, known, name);
  if (load.missing.length > 0) return { ok: false, missing: load.missing };
  const { waitingRequests, runningRequests, missing: _, ...more } = load;
  const requests = waitingRequests + runningRequests;
  const hasServed = (load.generationTokens ?? 0) > 0;
  const adapters = adaptersOf(samples, known, { hasServed, requests, work });
  if (work.left < 0) return tooComplex;
  const metrics = { scrapedAtMs, waitingRequests, runningRequests, ...adapters, ...more };
  return { ok: true, engine: name, metrics: { ...metrics, ...constantsOf(samples, known) } };
}

const tooComplex: MetricsPage = { ok: false, missing: [], isTooComplex: true };

interface Load
  extends Pick<
    ModelServerMetrics,
    "waitingRequests" | "runningRequests" | "kvCacheUsage" | "showsLoad" | "generationTokens"
  > {
  /** Names of required metrics that the page lacks. */
  readonly missing: readonly string[];
}

const unloaded: Load = { missing: [], waitingRequests: 0, runningRequests: 0, showsLoad: false };

function loadOf(samples: Samples, known: EngineMetrics, name: EngineName): Load {
  const waiting = valuesOf(samples, known.waitingRequests);
  const running = valuesOf(samples, known.runningRequests);
  const usage = valuesOf(samples, known.kvCacheUsage);
  const missing: string[] = [];
  if (waiting.length === 0) missing.push(firstName(known.waitingRequests));
  if (running.length === 0) missing.push(firstName(known.runningRequests));
  // vLLM always has it. Its name depends on the version.
  if (usage.length === 0 && name === "vllm") missing.push(firstName(known.kvCacheUsage));
  return {
    missing,
    waitingRequests: sum(waiting),
    runningRequests: sum(running),
    ...(usage.length === 0 ? {} : { kvCacheUsage: Math.min(1, Math.max(...usage)) }),
    ...only("generationTokens", generated(samples, known.generationTokens)),
  };
}

function isBeforeFirstRequest(
  page: string | Uint8Array,
  samples: Samples,
  known: EngineMetrics,
): boolean {
  for (const engine of engines.values()) {
    const { waitingRequests, runningRequests, kvCacheUsage, generationTokens } = engine;
    if ([...waitingRequests, ...runningRequests].some((each) => samples.has(each.name)))
      return false;
    const hasServed =
      generated(samples, generationTokens) > 0 || sum(valuesOf(samples, kvCacheUsage)) > 0;
    if (hasServed) return false;
  }
  if (namesOf(known).some((each) => samples.has(each))) return true;
  return runtimeNames.some((each) => samples.has(each)) && hasOnlyRuntimeNames(page);
}

/**
 * Matches a line that is neither blank, nor a comment, nor about the server's runtime. Only `
 * ` starts a line: with the flag `m` each `\r` would start one too, and a run of them would take quadratic time.
 */
const otherLine = /(?:^|\n)(?![ \t\r]*(?:\n|$|#|python_|process_))/;

/** Largest page with only runtime metrics; those of a Python process have about 3 KB. */
const maxRuntimePage = 65_536;

function hasOnlyRuntimeNames(page: string | Uint8Array): boolean {
  if (page.length > maxRuntimePage) return false;
  const text = typeof page === "string" ? page : new TextDecoder().decode(page);
  return !otherLine.test(text.replace(/^\ufeff/, ""));
}

/** What does not change with load. */
function constantsOf(samples: Samples, known: EngineMetrics): Partial<ModelServerMetrics> {
  const { seats } = known;
  return {
    ...cacheOf(samples, known.cache),
    ...(seats === undefined ? {} : positive("maxRunningRequests", sum(numbersOf(samples, seats)))),
    ...stateOf(samples, known.state),
    ...only("processStartS", Math.max(...numbersOf(samples, { name: processStart }))),
  };
}

/** If one of several engines is not ready, its state is returned: the server sends it part of the requests. */
function stateOf(
  samples: Samples,
  state: EngineMetrics["state"],
): Pick<ModelServerMetrics, "state"> {
  if (state === undefined) return {};
  const { name, label, ready } = state;
  const present = (samples.get(name) ?? [])
    .filter(({ value, labels }) => value > 0 && labels.has(label))
    .map(({ labels }) => labels.get(label));
  if (present.length === 0) return {};
  return { state: present.every((value) => value === ready) ? "ready" : "asleep" };
}

type Samples = ReadonlyMap<string, readonly Sample[]>;

/**
 * Detects the engine. If the page has the metrics of no engine, returns vLLM, whose metrics are then reported as
 * missing.
 */
function engineIn(samples: Samples): EngineName {
  for (const [name, { waitingRequests, runningRequests }] of engines) {
    if ([...waitingRequests, ...runningRequests].some((each) => samples.has(each.name)))
      return name;
  }
  for (const [name, engine] of engines) {
    if (namesOf(engine).some((each) => samples.has(each))) return name;
  }
  return "vllm";
}

function firstName([first]: readonly Selector[]): string {
  return (first as Selector).name;
}

/** Values of the first selector that matches any sample. */
function valuesOf(samples: Samples, selectors: readonly Selector[]): readonly number[] {
  for (const selector of selectors) {
    const values = numbersOf(samples, selector);
    if (values.length > 0) return values;
  }
  return [];
}

const mostOfAnything = 1e12;

function numbersOf(samples: Samples, { name, labels = {} }: Selector): readonly number[] {
  const wantedLabels = Object.entries(labels);
  return (samples.get(name) ?? [])
    .filter((sample) => wantedLabels.every(([key, value]) => sample.labels.get(key) === value))
    .map(({ value }) => value)
    .filter((value) => value >= 0 && value < mostOfAnything);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function generated(samples: Samples, name: string | undefined): number {
  const values = name === undefined ? [] : numbersOf(samples, { name });
  return values.length === 0 ? Number.NaN : sum(values);
}

/** An object with the field if the value is a number; otherwise empty. */
function only<K extends string>(key: K, value: number): { readonly [key in K]?: number } {
  return Number.isFinite(value) ? ({ [key]: value } as { readonly [key in K]: number }) : {};
}

function cacheOf(
  samples: Samples,
  cache: EngineMetrics["cache"],
): Pick<ModelServerMetrics, "kvBlockTokens" | "kvBlocks"> {
  if (cache === undefined) return {};
  const { blockTokens, blocks } = cache;
  const engines = "info" in cache ? (samples.get(cache.info) ?? []) : [];
  const told = (from: string | Selector) =>
    typeof from === "string"
      ? engines.map(({ labels }) => Number(labels.get(from))).filter((value) => value > 0)
      : numbersOf(samples, from);
  return {
    ...positive("kvBlockTokens", Math.max(...told(blockTokens))),
    ...positive("kvBlocks", sum(told(blocks))),
  };
}

function positive<K extends string>(key: K, value: number): { readonly [key in K]?: number } {
  return Number.isSafeInteger(value) && value > 0 ? only(key, value) : {};
}

const maxAdapters = 1_000;
const mostSlots = 10_000;

interface AdapterFacts {
  readonly hasServed: boolean;
  readonly requests: number;
  readonly work: PageWork;
}

/**
 * Reads the LoRA adapters. vLLM keeps old label combinations of its LoRA gauge on the page. The value is the time of
 * the last change, so the largest is the newest; of several equally new ones, those that name more adapters than there
 * are requests are ignored. Without requests no adapter is active. Both lists of the gauge contain only adapters with
 * requests in flight; only newer servers also report idle, loaded ones. The gauge appears with the first request: a
 * server that has served requests and does not have it has LoRA disabled.
 */
function adaptersOf(
  samples: Samples,
  { lora, adapterSlots }: EngineMetrics,
  { hasServed, requests, work }: AdapterFacts,
): Pick<
  ModelServerMetrics,
  "activeAdapters" | "namedAdapters" | "loadedAdapters" | "maxActiveAdapters"
> {
  const activeAdapters = new Set<string>();
  if (lora === undefined) {
    const slots = adapterSlots === undefined ? [] : numbersOf(samples, adapterSlots);
    return { activeAdapters, ...positive("maxActiveAdapters", Math.max(...slots)) };
  }
  const newest = newestOf(samples.get(lora.requestsInfo) ?? []);
  const namedAdapters = new Set<string>();
  for (const sample of newest) {
    const named = adaptersIn(sample, work);
    if (work.left < 0) break;
    for (const name of named) if (namedAdapters.size < maxAdapters) namedAdapters.add(name);
    if (named.size > requests) continue;
    for (const name of named) if (activeAdapters.size < maxAdapters) activeAdapters.add(name);
  }
  const loaded = (samples.get(lora.loaded) ?? []).slice(0, maxAdapters);
  const loadedAdapters = new Set(
    loaded.flatMap(({ labels, value }) =>
      (labels.get("level") ?? "gpu") === "gpu" && value > 0
        ? (labels.get("adapter_name") ?? [])
        : [],
    ),
  );
  for (const name of loadedAdapters) namedAdapters.add(name);
  const told = Math.max(...numbersOf(samples, { name: lora.maxLoaded }), 0);
  const isTold = newest.length > 0 || told > 0 || hasServed;
  const most =
    told > 0 ? told : Math.max(0, ...newest.map(({ labels }) => Number(labels.get("max_lora"))));
  return {
    activeAdapters,
    ...(namedAdapters.size === 0 ? {} : { namedAdapters }),
    ...(loaded.length === 0 ? {} : { loadedAdapters }),
    ...(isTold ? { maxActiveAdapters: most > 0 && most < mostSlots ? Math.floor(most) : 0 } : {}),
  };
}

/** Returns all samples with the largest value. */
function newestOf(samples: readonly Sample[]): readonly Sample[] {
  let newest: Sample[] = [];
  for (const sample of samples) {
    const latest = newest[0]?.value ?? Number.NEGATIVE_INFINITY;
    if (sample.value > latest) newest = [sample];
    else if (sample.value === latest) newest.push(sample);
  }
  return newest;
}

function adaptersIn({ labels }: Sample, work: PageWork): ReadonlySet<string> {
  const named = new Set<string>();
  for (const label of adapterLists) {
    const list = labels.get(label) ?? "";
    // Even a name of one character costs two units.
    work.left -= 1 + list.length;
    if (work.left < 0) return named;
    for (const name of list.split(",", maxAdapters)) {
      const trimmed = name.trim();
      if (trimmed !== "") named.add(trimmed);
    }
  }
  return named;
}
