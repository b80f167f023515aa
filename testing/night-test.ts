import { test } from "@jest/globals";
import { isLong } from "./test-size.ts";

const none: unknown = Object.assign(() => {}, { each: () => () => {} });

/** A test of the long form alone: it takes seconds of CPU, and others show most of what it shows in `npm test`. */
export const nightTest: typeof test = isLong ? test : (none as typeof test);
