import { constants, createContext } from "node:vm";
import { TestEnvironment } from "jest-environment-node";
import { startThreadsFromBundles } from "./jest-threads.mjs";

startThreadsFromBundles();

/** Node's own and Jest's: what Node makes must be an instance of the classes that the tests see. */
const shared = new Set(["ArrayBuffer", "Buffer", "Uint8Array", "process"]);

/**
 * Jest's environment for Node, with plain globals. Jest's own puts two layers around the global object, and the tested code
 * looks up every `Math` and `Float64Array` through them: statistics then take seven times as long as in Node.
 */
export default class PlainGlobalsEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    const global = createContext(constants.DONT_CONTEXTIFY);
    for (const key of Reflect.ownKeys(this.global)) {
      if (shared.has(key) || !Object.hasOwn(global, key)) copy(key, this.global, global);
    }
    global.global = global;
    for (const name of ["asyncDispose", "dispose"]) global.Symbol[name] ??= Symbol[name];
    global.Error.stackTraceLimit = 100;
    this.context = global;
    this.global = global;
    this.fakeTimers = noFakeTimers;
    this.fakeTimersModern = noFakeTimers;
  }

  /** Keeps when the limit of the running test or hook is over, for `testing/test-deadline.ts`. */
  handleTestEvent({ name, test, hook }, { testTimeout }) {
    if (name === "hook_start") this.#limit(hook.timeout ?? testTimeout);
    // Of tests that run concurrently each has a limit, which begins when Jest comes to it.
    else if (name === "test_fn_start" && !test.concurrent) this.#limit(test.timeout ?? testTimeout);
    else if (/^(?:hook|test_fn)_(?:success|failure)$/.test(name)) this.global[endsAt] = undefined;
  }

  #limit(ms) {
    this.global[endsAt] = performance.now() + ms;
  }
}

const endsAt = Symbol.for("umbra.testEndsAtMs");

/** Jest's own change the global object that the tests no longer see: a test would silently wait for real time. */
const noFakeTimers = {
  useFakeTimers() {
    throw new Error("fake timers are not supported: pass a clock");
  },
  useRealTimers() {},
  clearAllTimers() {},
  dispose() {},
};

/** A global that Node loads at its first use is still loaded only then. */
function copy(key, from, to) {
  const descriptor = Object.getOwnPropertyDescriptor(from, key);
  if (descriptor.get === undefined) {
    Object.defineProperty(to, key, descriptor);
    return;
  }
  const { enumerable } = descriptor;
  const keep = (value) => {
    Object.defineProperty(to, key, { configurable: true, enumerable, value, writable: true });
    return value;
  };
  Object.defineProperty(to, key, {
    configurable: true,
    enumerable,
    get: () => keep(from[key]),
    set: keep,
  });
}
