import { request } from "undici";

/** Asks Envoy's admin interface whether it serves; false too when it can't be reached in a second. */
export async function isEnvoyReady(envoyAdmin: string): Promise<boolean> {
  try {
    const { statusCode, body } = await request(`http://${envoyAdmin}/ready`, {
      signal: AbortSignal.timeout(1_000),
    });
    await body.dump();
    return statusCode === 200;
  } catch {
    // Not there yet, or gone: both are "not ready", which is all that is asked.
    return false;
  }
}
