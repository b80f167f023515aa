/** How the bootstrap is written. Envoy reads plain `yes`, `on` and `n` as truth values, as YAML 1.1 does: with `compat` they are quoted. */
export const yamlFormat = {
  lineWidth: 0,
  aliasDuplicateObjects: false,
  compat: "yaml-1.1",
} as const;
