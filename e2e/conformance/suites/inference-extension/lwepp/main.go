// The lightweight endpoint picker of the Gateway API Inference Extension v1.6.0, as its conformance suite runs it: its own
// options, its own view of the pool and its own picks. Only its replies on the stream are fixed, see stream.go.
package main

import (
	"context"
	"fmt"
	"net"
	"os"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metrics "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"sigs.k8s.io/gateway-api-inference-extension/pkg/common"
	"sigs.k8s.io/gateway-api-inference-extension/pkg/lwepp/datastore"
	"sigs.k8s.io/gateway-api-inference-extension/pkg/lwepp/handlers"
	"sigs.k8s.io/gateway-api-inference-extension/pkg/lwepp/server"
	"umbra.dev/inference-extension/selfsigned"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	options := server.NewOptions()
	options.AddFlags(pflag.CommandLine)
	pflag.CommandLine.String("zap-encoder", "json", "has no effect")
	pflag.Parse()
	ctrl.SetLogger(zap.New())
	ctx := ctrl.SetupSignalHandler()
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	pool := common.GKNN{
		NamespacedName: types.NamespacedName{Name: options.PoolName, Namespace: options.PoolNamespace},
		GroupKind:      schema.GroupKind{Group: options.PoolGroup, Kind: "InferencePool"},
	}
	disabled := metrics.Options{BindAddress: "0"}
	mgr, err := server.NewDefaultManager(server.NewControllerConfig(true), pool, config, disabled)
	if err != nil {
		return err
	}
	runner := &server.ExtProcServerRunner{
		GrpcHealthPort: options.GRPCHealthPort,
		GKNN:           pool,
		Datastore:      datastore.NewDatastore(ctx),
	}
	if err := runner.SetupWithManager(mgr); err != nil {
		return err
	}
	if err := mgr.Add(picks(runner.Datastore, options.GRPCPort)); err != nil {
		return err
	}
	go func() { _ = runner.HealthServerRunnable(ctrl.Log).Start(ctx) }()
	return mgr.Start(ctx)
}

// picks serves ext_proc over TLS, with a certificate that no one can verify.
func picks(store datastore.Datastore, port int) manager.Runnable {
	return manager.RunnableFunc(func(ctx context.Context) error {
		config, err := selfsigned.Config()
		if err != nil {
			return err
		}
		listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return err
		}
		srv := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
		extproc.RegisterExternalProcessorServer(srv, fixed{handlers.NewStreamingServer(store)})
		go func() {
			<-ctx.Done()
			srv.Stop()
		}()
		return srv.Serve(listener)
	})
}
