import { expect, test } from "@jest/globals";
import { endure } from "./harness/endurance.ts";

/** `npm run test:endurance` sends 30,000 in each pick mode. */
const requests = 800;

test(`${requests} mirrored requests at 16 in flight: none fails, no ext_proc stream fails`, async () => {
  await expect(endure({ requests })).resolves.toBeUndefined();
}, 200_000);
