{{- define "umbra.pod" -}}
serviceAccountName: {{ include "umbra.serviceAccount" . }}
{{- /* Envoy needs no account: its container gets no token. */}}
automountServiceAccountToken: false
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- $slack := 15 }}
terminationGracePeriodSeconds: {{ add .Values.drain.announce .Values.drain.timeout $slack }}
securityContext:
  {{- include "umbra.podSecurity" . | nindent 2 }}
{{- if eq .Values.mode "gateway" }}
initContainers:
  {{- /* A sidecar of Kubernetes: it starts before Envoy and ends after it. */}}
  - name: umbra
    restartPolicy: Always
    {{- include "umbra.serveContainer" . | nindent 4 }}
containers:
  - name: envoy
    {{- include "umbra.envoyContainer" . | nindent 4 }}
{{- else }}
containers:
  - name: umbra
    {{- include "umbra.serveContainer" . | nindent 4 }}
{{- end }}
volumes:
  {{- include "umbra.volumes" . | nindent 2 }}
{{- include "umbra.scheduling" . }}
{{- end -}}

{{- define "umbra.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- if eq .Values.mode "gateway" }}
{{- /* Listeners of Gateways are on port 80 and 443. */}}
sysctls:
  - { name: net.ipv4.ip_unprivileged_port_start, value: "0" }
{{- end }}
{{- end -}}

{{- define "umbra.envoyContainer" -}}
image: {{ include "umbra.image" . }}
imagePullPolicy: {{ .Values.images.pullPolicy }}
command: [/usr/bin/envoy]
args:
  - --config-path
  - /etc/umbra/envoy.yaml
  - --concurrency
  - {{ .Values.envoy.concurrency | quote }}
  - --log-level
  - warning
  - --disable-hot-restart
  - --drain-time-s
  - "600"
  - --drain-strategy
  - immediate
  {{- with .Values.envoy.extraArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  {{- range .Values.gateway.ports }}
  - { name: {{ .name }}, containerPort: {{ .port }} }
  {{- end }}
  - { name: stats, containerPort: 9092 }
lifecycle:
  preStop:
    exec:
      command:
        - /usr/bin/node
        - /app/bin/umbra.js
        - drain
        - --envoy-admin=127.0.0.1:9901
        - --announce={{ mul .Values.drain.announce 1000 }}
        - --timeout={{ mul .Values.drain.timeout 1000 }}
        - --quiet={{ mul .Values.drain.quiet 1000 }}
securityContext:
  {{- include "umbra.containerSecurity" . | nindent 2 }}
resources:
  {{- toYaml .Values.envoy.resources | nindent 2 }}
volumeMounts:
  - { name: run, mountPath: /run/umbra }
  - { name: bootstrap, mountPath: /etc/umbra, readOnly: true }
{{- end -}}

{{- define "umbra.volumes" -}}
{{- /* What Kubernetes mounts in every container of a pod otherwise. */ -}}
- name: account
  projected:
    sources:
      - serviceAccountToken: { path: token, expirationSeconds: 3600 }
      - configMap: { name: kube-root-ca.crt, items: [{ key: ca.crt, path: ca.crt }] }
      - downwardAPI:
          items: [{ path: namespace, fieldRef: { fieldPath: metadata.namespace } }]
{{- if .Values.peers.enabled }}
- name: peers
  secret: { secretName: {{ include "umbra.peersSecret" . }}, defaultMode: 0440 }
{{- end }}
{{- if eq .Values.mode "gateway" }}
- name: run
  emptyDir: { medium: Memory, sizeLimit: 1Mi }
- name: bootstrap
  configMap: { name: {{ include "umbra.name" . }}-envoy }
{{- else if eq .Values.picker.tls.kind "secret" }}
- name: tls
  secret: { secretName: {{ .Values.picker.tls.secretName }}, defaultMode: 0440 }
{{- end }}
{{- with .Values.sidecar.endpointKey.secretName }}
- name: endpoint-key
  secret: { secretName: {{ . }}, defaultMode: 0440 }
{{- end }}
{{- range $at, $key := include "umbra.judgeKeys" . | fromYamlArray }}
- name: judge-key-{{ $at }}
  secret: { secretName: {{ $key.name | quote }}, defaultMode: 0440 }
{{- end }}
{{- with .Values.sidecar.samplesVolume }}
- name: samples
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "umbra.scheduling" }}
affinity:
  {{- if .Values.affinity }}
  {{- toYaml .Values.affinity | nindent 2 }}
  {{- else }}
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "umbra.selector" . | nindent 14 }}
  {{- end }}
topologySpreadConstraints:
  {{- if .Values.topologySpreadConstraints }}
  {{- toYaml .Values.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "umbra.selector" . | nindent 8 }}
  {{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The Secrets of judges, each with the namespace whose policies may name it. */}}
{{- define "umbra.judgeKeys" -}}
{{- $keys := list }}
{{- range $namespace := keys .Values.sidecar.judgeKeys | sortAlpha }}
{{- range $name := get $.Values.sidecar.judgeKeys $namespace }}
{{- $keys = append $keys (dict "namespace" $namespace "name" $name) }}
{{- end }}
{{- end }}
{{- toYaml $keys }}
{{- end }}
