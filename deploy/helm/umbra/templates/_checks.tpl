{{/* What a schema can't say in readable words. */}}
{{- define "umbra.check" -}}
{{- with .Values.gateway.addresses }}
{{- if not (regexMatch "^[0-9a-fA-F.:]+/[0-9]{1,3}$" .) }}
{{- fail (printf "gateway.addresses: %q is no network: write one such as 10.0.7.0/24" .) }}
{{- end }}
{{- end }}
{{- range .Values.gateway.pickerServices }}
{{- if not (regexMatch "^[a-z0-9-]+/[a-z0-9-]+(:[0-9]{1,5})?$" .) }}
{{- fail (printf "gateway.pickerServices: %q names no Service: write NAMESPACE/NAME or NAMESPACE/NAME:PORT" .) }}
{{- end }}
{{- end }}
{{- range tuple .Values.images.gateway .Values.images.sidecar }}
{{- if and .digest (not (regexMatch "^sha256:[0-9a-f]{64}$" .digest)) }}
{{- fail (printf "images: %q is no digest: write sha256: and 64 hexadecimal digits" .digest) }}
{{- end }}
{{- end }}
{{- $max := toString .Values.podDisruptionBudget.maxUnavailable }}
{{- if not (regexMatch "^[0-9]+%?$" $max) }}
{{- fail (printf "podDisruptionBudget.maxUnavailable: %q is neither a number nor a percentage such as 25%%" $max) }}
{{- end }}
{{- if and .Values.watch.allNamespaces .Values.watch.namespaces }}
{{- fail "watch: give either allNamespaces or namespaces, not both" }}
{{- end }}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) }}
{{- fail "autoscaling: minReplicas is above maxReplicas" }}
{{- end }}
{{- $replicas := int (ternary .Values.autoscaling.maxReplicas .Values.replicas .Values.autoscaling.enabled) }}
{{- if and .Values.peers.enabled (gt $replicas 64) }}
{{- fail (printf "peers: at most 64 replicas know each other, and there may be %d: use fewer, or give peers.enabled: false" $replicas) }}
{{- end }}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) }}
{{- fail "serviceAccount: without create, name the account that the pods use" }}
{{- end }}
{{- include "umbra.checkKeys" . }}
{{- $names := list }}
{{- $ports := list 9004 9090 9091 9092 9901 }}
{{- range .Values.gateway.ports }}
{{- if or (has .name $names) (has .name (list "probes" "stats")) }}
{{- fail (printf "gateway.ports: the name %q is taken" .name) }}
{{- end }}
{{- if has (int .port) $ports }}
{{- fail (printf "gateway.ports: port %d is taken: Umbra itself uses 9004, 9090, 9091, 9092 and 9901, and two ports can't be equal" (int .port)) }}
{{- end }}
{{- $names = append $names .name }}
{{- $ports = append $ports (int .port) }}
{{- end }}
{{- end -}}

{{/* YAML refuses a key that occurs twice in one map, and a selector needs one value for each label. */}}
{{- define "umbra.checkKeys" -}}
{{- $labels := keys (include "umbra.labels" . | fromYaml) }}
{{- $monitoring := .Values.monitoring }}
{{- $given := dict "podLabels" .Values.podLabels "monitoring.podMonitor.labels" $monitoring.podMonitor.labels "monitoring.alerts.labels" $monitoring.alerts.labels "monitoring.dashboard.labels" $monitoring.dashboard.labels }}
{{- range $where, $map := $given }}
{{- range $key := keys ($map | default dict) | sortAlpha }}
{{- if has $key $labels }}
{{- fail (printf "%s: the chart itself gives the label %q: leave it out" $where $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $key := list "kubectl.kubernetes.io/default-container" "umbra.dev/bootstrap-hash" }}
{{- if hasKey ($.Values.podAnnotations | default dict) $key }}
{{- fail (printf "podAnnotations: the chart itself gives the annotation %q: leave it out" $key) }}
{{- end }}
{{- end }}
{{- end -}}
