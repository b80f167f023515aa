//go:build tools

// Package conformance keeps in one module all that the conformance run is built from.
package conformance

// The server of the suites' pods, and the packages whose modules hold the resource definitions.
import (
	_ "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	_ "sigs.k8s.io/gateway-api/apis/v1"
	_ "sigs.k8s.io/gateway-api/conformance/echo-basic"
)
