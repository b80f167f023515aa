// Stands between a gateway and Umbra as its endpoint picker, and speaks the test header of the Inference Extension's
// conformance suite, which is no part of the protocol: what the header names becomes the list of endpoints that the
// gateway allows (metadata `envoy.lb.subset_hint`), and the endpoint that served, as the gateway reports it, becomes the
// response header that the suite reads. Everything else passes unchanged.
//
//	relay LISTEN UMBRA
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"

	"umbra.dev/inference-extension/selfsigned"
)

const (
	selectionHeader = "test-epp-endpoint-selection"
	servedHeader    = "x-conformance-test-served-endpoint"
	subsetNamespace = "envoy.lb.subset_hint"
	subsetKey       = "x-gateway-destination-endpoint-subset"
	servedNamespace = "envoy.lb"
	servedKey       = "x-gateway-destination-endpoint-served"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(listen, umbra string) error {
	config, err := selfsigned.Config()
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient(umbra, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
	extproc.RegisterExternalProcessorServer(server, &relay{umbra: extproc.NewExternalProcessorClient(connection)})
	return server.Serve(listener)
}

type relay struct {
	extproc.UnimplementedExternalProcessorServer
	umbra extproc.ExternalProcessorClient
}

func (r *relay) Process(gateway extproc.ExternalProcessor_ProcessServer) error {
	umbra, err := r.umbra.Process(gateway.Context())
	if err != nil {
		return err
	}
	// Written before the reply to the response's headers is asked for, so before it is read.
	served := make(chan string, 1)
	go func() {
		for {
			message, err := gateway.Recv()
			if err != nil {
				_ = umbra.CloseSend()
				return
			}
			if headers := message.GetRequestHeaders(); headers != nil {
				allow(message, headers)
			}
			if message.GetResponseHeaders() != nil {
				served <- servedBy(message)
			}
			if umbra.Send(message) != nil {
				return
			}
		}
	}()
	for {
		reply, err := umbra.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if headers := reply.GetResponseHeaders(); headers != nil {
			report(headers, <-served)
		}
		if err := gateway.Send(reply); err != nil {
			return err
		}
	}
}

// allow makes the endpoints of the suite's header the only ones.
func allow(message *extproc.ProcessingRequest, headers *extproc.HttpHeaders) {
	for _, header := range headers.GetHeaders().GetHeaders() {
		if header.Key != selectionHeader {
			continue
		}
		value := header.Value
		if value == "" {
			value = string(header.RawValue)
		}
		var endpoints []any
		for _, endpoint := range strings.Split(value, ",") {
			endpoints = append(endpoints, strings.TrimSpace(endpoint))
		}
		hint, err := structpb.NewStruct(map[string]any{subsetKey: endpoints})
		if err != nil {
			continue
		}
		if message.MetadataContext == nil {
			message.MetadataContext = &core.Metadata{}
		}
		if message.MetadataContext.FilterMetadata == nil {
			message.MetadataContext.FilterMetadata = map[string]*structpb.Struct{}
		}
		message.MetadataContext.FilterMetadata[subsetNamespace] = hint
	}
}

func servedBy(message *extproc.ProcessingRequest) string {
	fields := message.GetMetadataContext().GetFilterMetadata()[servedNamespace].GetFields()
	return fields[servedKey].GetStringValue()
}

func report(headers *extproc.HeadersResponse, served string) {
	if headers.Response == nil {
		headers.Response = &extproc.CommonResponse{}
	}
	if headers.Response.HeaderMutation == nil {
		headers.Response.HeaderMutation = &extproc.HeaderMutation{}
	}
	mutation := headers.Response.HeaderMutation
	mutation.SetHeaders = append(mutation.SetHeaders, &core.HeaderValueOption{
		Header: &core.HeaderValue{Key: servedHeader, RawValue: []byte(served)},
	})
}
