import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The Chromium binary of this machine; undefined if there is none. */
export const chromium = [
  process.env.CHROMIUM_BIN,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path): path is string => path !== undefined && path !== "" && existsSync(path));

/** A real headless Chromium. */
export interface Browser {
  newPage(): Promise<BrowserPage>;
  close(): Promise<void>;
}

/** Opens a page that shares nothing with other pages. */
export interface BrowserPage {
  open(url: string): Promise<void>;
  /** Evaluates an expression in the page. Its value must be serializable as JSON. */
  evaluate(expression: string): Promise<unknown>;
  setSize(width: number, height: number): Promise<void>;
  setDark(isDark: boolean): Promise<void>;
  /** Returns a PNG of the whole page. */
  screenshot(): Promise<Buffer>;
  /** Exceptions, console errors and warnings, policy violations and dialogs, in order. */
  readonly problems: readonly string[];
}

/** A message of the DevTools protocol: an answer with an id, or an event with a method. */
interface Message {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--hide-scrollbars",
  "--remote-debugging-port=0",
];
const startTimeoutMs = 20_000;
const callTimeoutMs = 10_000;

/** Starts a separate Chromium. */
export async function openBrowser(): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "umbra-chromium-"));
  // A separate process group, so that its child processes end with it.
  const child = spawn(chromium ?? "", [...flags, `--user-data-dir=${profile}`, "about:blank"], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const stop = async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    if (child.pid !== undefined && child.exitCode === null) {
      process.kill(-child.pid, "SIGKILL");
      await ended;
    }
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const devTools = await connect(await addressOf(child));
    return {
      newPage: () => pageOf(devTools),
      async close() {
        devTools.close();
        await stop();
      },
    };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

/** Waits until Chromium prints its address. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const timer = setTimeout(() => reject(new Error(`no DevTools: ${said}`)), startTimeoutMs);
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`Chromium has ended: ${said}`)));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const [, address] = /DevTools listening on (ws:\S+)/.exec(said) ?? [];
      if (address === undefined) return;
      clearTimeout(timer);
      resolve(address);
    });
  });
}

type Call = (
  method: string,
  params?: object,
  sessionId?: string,
) => Promise<Readonly<Record<string, unknown>>>;

interface DevTools {
  readonly call: Call;
  onEvent: (
    sessionId: string | undefined,
    method: string,
    params: Readonly<Record<string, unknown>>,
  ) => void;
  close(): void;
}

async function connect(address: string): Promise<DevTools> {
  const socket = new WebSocket(address);
  const waiting = new Map<number, (message: Message) => void>();
  let lastId = 0;
  const devTools: DevTools = {
    call(method, params = {}, sessionId = undefined) {
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no answer to ${method}`)), callTimeoutMs);
        waiting.set(id, ({ result, error }) => {
          clearTimeout(timer);
          waiting.delete(id);
          if (error === undefined) resolve(result ?? {});
          else reject(new Error(`${method}: ${error.message}`));
        });
        socket.send(JSON.stringify({ id, method, params, sessionId }));
      });
    },
    onEvent: () => undefined,
    close: () => socket.close(),
  };
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id !== undefined) waiting.get(message.id)?.(message);
    else devTools.onEvent(message.sessionId, message.method ?? "", message.params ?? {});
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true });
    socket.addEventListener("error", reject, { once: true });
  });
  return devTools;
}

/** Only receives events of the newest page. */
async function pageOf(devTools: DevTools): Promise<BrowserPage> {
  const { browserContextId } = await devTools.call("Target.createBrowserContext");
  const blank = { url: "about:blank", browserContextId };
  const { targetId } = await devTools.call("Target.createTarget", blank);
  const attached = await devTools.call("Target.attachToTarget", { targetId, flatten: true });
  const call = (method: string, params: object = {}) =>
    devTools.call(method, params, String(attached.sessionId));
  const problems: string[] = [];
  devTools.onEvent = (sessionId, method, params) => {
    if (sessionId !== attached.sessionId) return;
    const problem = problemOf(method, params);
    if (problem !== undefined) problems.push(problem);
  };
  for (const domain of ["Runtime", "Log", "Page"]) await call(`${domain}.enable`);
  return {
    problems,
    async open(url) {
      await call("Page.navigate", { url });
    },
    async evaluate(expression) {
      const { result, exceptionDetails } = await call("Runtime.evaluate", {
        expression,
        returnByValue: true,
        awaitPromise: true,
      });
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return (result as { readonly value?: unknown }).value;
    },
    async setSize(width, height) {
      const size = { width, height, deviceScaleFactor: 1, mobile: false };
      await call("Emulation.setDeviceMetricsOverride", size);
    },
    async setDark(isDark) {
      const features = [{ name: "prefers-color-scheme", value: isDark ? "dark" : "light" }];
      await call("Emulation.setEmulatedMedia", { features });
    },
    async screenshot() {
      const { data } = await call("Page.captureScreenshot", { captureBeyondViewport: true });
      return Buffer.from(String(data), "base64");
    },
  };
}

function problemOf(method: string, params: Readonly<Record<string, unknown>>): string | undefined {
  switch (method) {
    case "Runtime.exceptionThrown":
    case "Page.javascriptDialogOpening":
      return `${method} ${JSON.stringify(params)}`;
    case "Runtime.consoleAPICalled":
      return ["error", "warning"].includes(String(params.type))
        ? `${method} ${JSON.stringify(params.args)}`
        : undefined;
    case "Log.entryAdded": {
      const { level, source, text } = params.entry as Readonly<Record<string, string>>;
      return level === "error" || level === "warning" ? `${source} ${level}: ${text}` : undefined;
    }
    default:
      return undefined;
  }
}
