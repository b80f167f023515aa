{{/* The arguments of `umbra serve`, as a YAML list. */}}
{{- define "umbra.serveArgs" -}}
- serve
- --kube
{{- if .Values.watch.allNamespaces }}
- --all-namespaces
{{- else }}
{{- range .Values.watch.namespaces }}
- --namespace={{ . }}
{{- end }}
{{- end }}
{{- if .Values.statuses }}
- --lease={{ include "umbra.lease" . }}
{{- else }}
- --no-status
{{- end }}
- --admin=127.0.0.1:9090
- --probes=0.0.0.0:9091
- --log-level={{ .Values.sidecar.logLevel }}
{{- if .Values.peers.enabled }}
- --peers-listen=0.0.0.0:9004
- --peers-service={{ .Release.Namespace }}/{{ include "umbra.peersName" . }}
- --peer-secret-file=/var/run/secrets/umbra/peers/{{ .Values.peers.key }}
{{- end }}
{{- if eq .Values.mode "gateway" }}
{{ include "umbra.gatewayArgs" . }}
{{- else }}
{{ include "umbra.pickerArgs" . }}
{{- end }}
{{- if .Values.sidecar.endpointKey.secretName }}
- --endpoint-key-file=/var/run/secrets/umbra/endpoint-key/{{ .Values.sidecar.endpointKey.key }}
{{- end }}
{{- if .Values.sidecar.judgeKeys }}
- --judge-keys=/var/run/secrets/umbra/judge-keys
{{- end }}
{{- if .Values.sidecar.samplesVolume }}
- --samples=/var/lib/umbra/samples.ndjson
{{- end }}
{{- with .Values.sidecar.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "umbra.gatewayArgs" -}}
- --grpc=unix:/run/umbra/pick.sock
- --ads=unix:/run/umbra/ads.sock
- --envoy-admin=127.0.0.1:9901
- --stats-listener=0.0.0.0:9092
- --set=maxHeap={{ int .Values.envoy.maxHeapMebibytes }}Mi
{{- range $name, $value := .Values.gateway.settings }}
- --set={{ $name }}={{ kindIs "float64" $value | ternary (toJson $value) $value }}
{{- end }}
{{- with .Values.gateway.className }}
- --gateway-class={{ . }}
{{- end }}
{{- with .Values.gateway.addresses }}
- --gateway-addresses={{ . }}
{{- end }}
{{- range .Values.gateway.pickerServices }}
- --picker-service={{ . }}
{{- end }}
{{- /* Envoy has been drained and has ended before. */}}
- --drain=0
- --grace=5000
{{- end -}}

{{- define "umbra.pickerArgs" -}}
- --grpc=0.0.0.0:9002
{{- if eq .Values.picker.tls.kind "self-signed" }}
- --grpc-tls=self-signed
{{- else if eq .Values.picker.tls.kind "secret" }}
- --grpc-tls-cert=/var/run/secrets/umbra/tls/tls.crt
- --grpc-tls-key=/var/run/secrets/umbra/tls/tls.key
{{- end }}
{{- with .Values.picker.pool }}
- --pool={{ . }}
{{- end }}
- --drain={{ mul .Values.drain.announce 1000 }}
- --grace={{ mul .Values.drain.timeout 1000 }}
{{- with .Values.picker.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The container of `umbra serve`, without its name. */}}
{{- define "umbra.serveContainer" -}}
image: {{ include "umbra.image" . }}
imagePullPolicy: {{ .Values.images.pullPolicy }}
args:
  {{- include "umbra.serveArgs" . | nindent 2 }}
ports:
  {{- if eq .Values.mode "picker" }}
  - { name: grpc, containerPort: 9002 }
  {{- end }}
  - { name: probes, containerPort: 9091 }
  {{- if .Values.peers.enabled }}
  - { name: peers, containerPort: 9004 }
  {{- end }}
{{- /* It waits for the API server, and Envoy for it. */}}
startupProbe:
  httpGet: { path: /healthz, port: probes }
  periodSeconds: 1
  failureThreshold: 300
livenessProbe:
  httpGet: { path: /healthz, port: probes }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: probes }
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 2
securityContext:
  {{- include "umbra.containerSecurity" . | nindent 2 }}
resources:
  {{- toYaml .Values.sidecar.resources | nindent 2 }}
volumeMounts:
  {{- include "umbra.serveMounts" . | nindent 2 }}
{{- end -}}

{{- define "umbra.serveMounts" -}}
- name: account
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- if .Values.peers.enabled }}
- { name: peers, mountPath: /var/run/secrets/umbra/peers, readOnly: true }
{{- end }}
{{- if eq .Values.mode "gateway" }}
- { name: run, mountPath: /run/umbra }
{{- else if eq .Values.picker.tls.kind "secret" }}
- { name: tls, mountPath: /var/run/secrets/umbra/tls, readOnly: true }
{{- end }}
{{- if .Values.sidecar.endpointKey.secretName }}
- { name: endpoint-key, mountPath: /var/run/secrets/umbra/endpoint-key, readOnly: true }
{{- end }}
{{- range $at, $key := include "umbra.judgeKeys" . | fromYamlArray }}
- name: judge-key-{{ $at }}
  mountPath: /var/run/secrets/umbra/judge-keys/{{ $key.namespace }}/{{ $key.name }}
  readOnly: true
{{- end }}
{{- if .Values.sidecar.samplesVolume }}
- { name: samples, mountPath: /var/lib/umbra }
{{- end }}
{{- end -}}

{{- define "umbra.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}
