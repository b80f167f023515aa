import { modelListTooLong, readModelList } from "@umbra/openai";
import type { ServedPool } from "../pools/pool-registry.ts";
import type { ModelList } from "../pools/served-models.ts";
import type { EndpointClient, Page } from "./endpoint-client.ts";
import { createListSchedule } from "./list-schedule.ts";
import type { ListOutcome } from "./page-outcome.ts";

/** Reads the model list of one endpoint for all its pools. */
export interface ModelListReader {
  isDue(nowMs: number): boolean;
  /** Something says that the list has changed. */
  hurry(): void;
  /** Not while a reading is under way. `done` is not called once the endpoint is left. */
  read(nowMs: number, done: () => void): void;
}

export interface ModelListReaderOptions {
  readonly address: string;
  readonly pools: readonly ServedPool[];
  readonly client: EndpointClient;
  /** Whether Umbra's requests carry a key now. */
  readonly hasKey: () => boolean;
  /** The endpoint is left: nothing is recorded any more. */
  readonly isClosed: () => boolean;
  /** `isAnswered`: by the endpoint. `reason` is empty where the list could be read. */
  readonly onRead: (outcome: ListOutcome, reason: string, isAnswered: boolean) => void;
}

export function createModelListReader(options: ModelListReaderOptions): ModelListReader {
  const { address, pools, client, hasKey, isClosed, onRead } = options;
  const schedule = createListSchedule();
  /** Until the server has answered a request without the key, its list is not shown to clients without it. */
  let isGuarded = true;

  function record(models: ModelList): void {
    const changes = pools.map(({ served }) => served.record(address, { ...models, isGuarded }));
    schedule.end(changes.includes(true) ? "changed" : "unchanged");
  }

  /** With a key Umbra may see what clients without one may not: the list is asked for without it too. */
  function askAnonymously(models: ModelList, done: () => void): void {
    const take = (page: Page) => {
      if (isClosed()) return;
      if (page.ok) isGuarded = !showsAll(page.bytes.toString(), models);
      else if (page.code === "refused") isGuarded = true;
      record(models);
      done();
    };
    client.get("/v1/models", take, { isAnonymous: true });
  }

  return {
    isDue: schedule.isDue,
    hurry: schedule.hurry,
    read(nowMs, done) {
      schedule.begin(nowMs);
      client.get("/v1/models", (page) => {
        if (isClosed()) return;
        const read = listOf(page);
        onRead(read.outcome, read.reason, page.ok || page.status !== undefined);
        if (read.models === undefined) schedule.end("failed");
        else if (hasKey()) return askAnonymously(read.models, done);
        else {
          isGuarded = false;
          record(read.models);
        }
        done();
      });
    },
  };
}

interface ReadList {
  readonly models?: ModelList;
  readonly outcome: ListOutcome;
  readonly reason: string;
}

function listOf(page: Page): ReadList {
  if (!page.ok) return { outcome: page.code, reason: page.reason };
  const text = page.bytes.toString();
  const tooLong = modelListTooLong(text);
  if (tooLong !== undefined) return { outcome: "too_large", reason: tooLong };
  const models = readModelList(text);
  return models === undefined
    ? { outcome: "bad_list", reason: "/v1/models is no list of models" }
    : { models, outcome: "ok", reason: "" };
}

/** False for a page to log in, say, or a list that is shorter without the key. */
function showsAll(text: string, { base, adapters }: ModelList): boolean {
  const shown = readModelList(text);
  if (shown === undefined) return false;
  const names = new Set([...shown.base, ...shown.adapters]);
  return [...base, ...adapters].every((name) => names.has(name));
}
