//go:build tools

package conformance

// The server of the suites' pods, and the definitions that the run installs.
import (
	_ "sigs.k8s.io/gateway-api/apis/v1"
	_ "sigs.k8s.io/gateway-api/conformance/echo-basic"
)
