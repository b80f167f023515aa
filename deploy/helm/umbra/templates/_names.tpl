{{- define "umbra.name" -}}
{{- if .Values.nameOverride -}}
{{- .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "umbra.selector" -}}
app.kubernetes.io/name: umbra
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: {{ .Values.mode }}
{{- end -}}

{{- define "umbra.labels" -}}
{{ include "umbra.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "umbra.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "umbra.name" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "umbra.image" -}}
{{- $image := ternary .Values.images.gateway .Values.images.sidecar (eq .Values.mode "gateway") -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{/*
The name of rights outside of the release's namespace: two releases may have the same name.
A namespace has no dot, so that no two pairs of a namespace and a name make one.
*/}}
{{- define "umbra.clusterName" -}}
{{- printf "%s.%s" .Release.Namespace (include "umbra.name" .) -}}
{{- end -}}

{{- define "umbra.peersName" -}}
{{- printf "%s-peers" (include "umbra.name" .) -}}
{{- end -}}

{{- define "umbra.peersSecret" -}}
{{- default (include "umbra.peersName" .) .Values.peers.secretName -}}
{{- end -}}

{{/* As a JSON list. */}}
{{- define "umbra.namespaces" -}}
{{- default (list .Release.Namespace) .Values.watch.namespaces | uniq | toJson -}}
{{- end -}}

{{/* Whose holder writes statuses. Each release has its own, as its pods follow the same. */}}
{{- define "umbra.lease" -}}
{{- printf "%s-status" (include "umbra.name" .) -}}
{{- end -}}
