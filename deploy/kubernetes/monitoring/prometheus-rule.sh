#!/bin/sh
# Prints the alerts of deploy/prometheus as a resource of the Prometheus operator:
#   deploy/kubernetes/monitoring/prometheus-rule.sh | kubectl apply -n gistwire -f -
set -eu
cat <<HEAD
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: gistwire
  labels: {app.kubernetes.io/name: gistwire}
spec:
HEAD
sed 's/^/  /' "$(dirname "$0")/../../prometheus/alerts.yml"
