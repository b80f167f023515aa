/**
 * What clients named the models of mirrored requests that the primary's rewrite gave another name: their copies carry the
 * new one, and a ShadowPolicy goes by the client's. Bounded: the oldest is forgotten.
 */
export interface ClientModels {
  remember(requestId: string, model: string): void;
  of(requestId: string): string | undefined;
}

export function createClientModels(limit: number): ClientModels {
  const models = new Map<string, string>();
  return {
    remember(requestId, model) {
      models.set(requestId, model);
      if (models.size <= limit) return;
      const oldest = models.keys().next();
      if (!oldest.done) models.delete(oldest.value);
    },
    of: (requestId) => models.get(requestId),
  };
}
