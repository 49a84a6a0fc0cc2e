{{- define "ges-exporter.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "ges-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "ges-exporter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "ges-exporter.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end }}

{{/* The name is fixed, whatever alias the chart goes by: it becomes Prometheus's job, which every rule asks for. */}}
{{- define "ges-exporter.selectorLabels" -}}
app.kubernetes.io/name: ges-exporter
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ges-exporter.labels" -}}
{{ include "ges-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "ges-exporter.metadata" -}}
name: {{ include "ges-exporter.fullname" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "ges-exporter.labels" . | nindent 2 }}
{{- end }}
