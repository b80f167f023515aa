import { expect, test } from "@jest/globals";
import { endure } from "./harness/endurance.ts";

/** `npm run test:endurance`: too many for every run. */
const requests = 30_000;

test.each(["headers", "buffered", "duplex"] as const)(
  `${requests} mirrored requests at 16 in flight, by %s: none fails, no ext_proc stream fails`,
  async (pickMode) => {
    await expect(endure({ requests, pickMode })).resolves.toBeUndefined();
  },
  600_000,
);
