{{/* What a schema cannot say. Each message tells what to write. */}}
{{- define "ges-exporter.validate" -}}
{{- $config := toJson .Values.config -}}
{{- if .Values.demo -}}
  {{- if or .Values.config .Values.secrets .Values.existingSecret -}}
    {{- fail "\n\ndemo serves made-up backups, so config, secrets and existingSecret would be ignored: remove them, or set demo to false." -}}
  {{- end -}}
{{- else -}}
  {{- if not .Values.config.projects -}}
    {{- fail (printf "\n\n%s" (.Files.Get "files/missing-config.txt")) -}}
  {{- end -}}
  {{- if and .Values.secrets .Values.existingSecret -}}
    {{- fail "\n\nsecrets and existingSecret exclude each other: put the keys of secrets into the Secret that existingSecret names." -}}
  {{- end -}}
  {{- /* As JSON text a secret is seen wherever it stands. A reference to a variable, ${NAME}, is none. */ -}}
  {{- $inline := regexFind `"(password|secret_key|security_token|token)":("([^$"]|\$[^{])|[0-9])` $config -}}
  {{- if $inline -}}
    {{- $key := regexFind `[a-z_]+` $inline -}}
    {{- fail (printf "\n\nconfig holds a secret under the key %s, but a ConfigMap is no place for it: write it to secrets.%s, and in its place\n  %s_file: /run/secrets/ges-exporter/%s" $key $key $key $key) -}}
  {{- end -}}
  {{- if not .Values.existingSecret -}}
    {{- range regexFindAll `"/run/secrets/ges-exporter/[^"]*"` $config -1 -}}
      {{- $file := trimAll "\"" . | base -}}
      {{- if not (hasKey $.Values.secrets $file) -}}
        {{- fail (printf "\n\nconfig names /run/secrets/ges-exporter/%s, which nothing provides: set secrets.%s, or existingSecret to a Secret with that key." $file $file) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end }}
