/** YAML options of the bootstrap. Like YAML 1.1, Envoy reads unquoted `yes`, `on` and `n` as booleans; `compat` quotes them. */
export const yamlFormat = {
  lineWidth: 0,
  aliasDuplicateObjects: false,
  compat: "yaml-1.1",
} as const;
