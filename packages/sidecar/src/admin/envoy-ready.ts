import { request } from "undici";

const timeoutMs = 1_000;

/** As `umbra render` names it; an Envoy with a bootstrap of its own may have no such cluster. */
const pickersHealth = "^cluster\\.umbra-picker\\.membership_healthy$";

/**
 * Asks Envoy's admin interface whether it serves, and whether it has found this sidecar's ext_proc server in health;
 * false too when it can't be reached in a second.
 */
export async function isEnvoyReady(envoyAdmin: string): Promise<boolean> {
  try {
    if ((await get(envoyAdmin, "/ready")).status !== 200) return false;
    const filter = encodeURIComponent(pickersHealth);
    const { text } = await get(envoyAdmin, `/stats?format=json&filter=${filter}`);
    const { stats } = JSON.parse(text) as { readonly stats: readonly { value?: number }[] };
    return stats.every(({ value }) => value !== 0);
  } catch {
    // Not there yet, or gone: both are "not ready", which is all that is asked.
    return false;
  }
}

async function get(
  envoyAdmin: string,
  path: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const { statusCode, body } = await request(`http://${envoyAdmin}${path}`, {
    signal: AbortSignal.timeout(timeoutMs),
  });
  return { status: statusCode, text: await body.text() };
}
