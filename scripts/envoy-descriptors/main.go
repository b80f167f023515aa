// Prints the descriptors of every message that a rendered configuration of Envoy may hold, with all that they need, as a
// FileDescriptorSet (see packages/xds/descriptors). Its version is Envoy's (see go.mod).
package main

import (
	"os"
	"sort"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	_ "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/grpc/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/bandwidth_limit/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/stateful_session/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/http/stateful_session/cookie/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/http/stateful_session/header/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/least_request/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/override_host/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/round_robin/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/internal_upstream/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/raw_buffer/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
)

// The messages that are packed into an Any, or asked for by name.
var roots = []string{
	"envoy.config.cluster.v3.Cluster",
	"envoy.config.core.v3.TypedExtensionConfig",
	"envoy.config.endpoint.v3.ClusterLoadAssignment",
	"envoy.config.listener.v3.Listener",
	"envoy.config.route.v3.RouteConfiguration",
	"envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
	"envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
	"envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
	"envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit",
	"envoy.extensions.filters.http.cors.v3.Cors",
	"envoy.extensions.filters.http.cors.v3.CorsPolicy",
	"envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute",
	"envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
	"envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
	"envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
	"envoy.extensions.filters.http.lua.v3.Lua",
	"envoy.extensions.filters.http.router.v3.Router",
	"envoy.extensions.filters.http.stateful_session.v3.StatefulSession",
	"envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute",
	"envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
	"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
	"envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
	"envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState",
	"envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState",
	"envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest",
	"envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost",
	"envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin",
	"envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
	"envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport",
	"envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer",
	"envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
	"envoy.extensions.transport_sockets.tls.v3.Secret",
	"envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
	"envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
	"google.protobuf.Struct",
}

func main() {
	files := map[string]protoreflect.FileDescriptor{}
	for _, root := range roots {
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(root))
		if err != nil {
			panic(root + ": " + err.Error())
		}
		add(found.ParentFile(), files)
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, file := range inOrder(files) {
		set.File = append(set.File, pruned(file))
	}
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		panic(err)
	}
	os.Stdout.Write(bytes)
}

func add(file protoreflect.FileDescriptor, files map[string]protoreflect.FileDescriptor) {
	if files[file.Path()] != nil || isAnnotation(file.Path()) {
		return
	}
	files[file.Path()] = file
	for i := 0; i < file.Imports().Len(); i++ {
		add(file.Imports().Get(i).FileDescriptor, files)
	}
}

// Files that only describe options: no message has a field of theirs.
func isAnnotation(path string) bool {
	for _, prefix := range []string{"validate/", "udpa/annotations/", "envoy/annotations/", "xds/annotations/", "google/protobuf/descriptor"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// Files after those that they import, else by name.
func inOrder(files map[string]protoreflect.FileDescriptor) []protoreflect.FileDescriptor {
	var paths []string
	for path := range files {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	done := map[string]bool{}
	var order []protoreflect.FileDescriptor
	var visit func(path string)
	visit = func(path string) {
		file := files[path]
		if file == nil || done[path] {
			return
		}
		done[path] = true
		for i := 0; i < file.Imports().Len(); i++ {
			visit(file.Imports().Get(i).Path())
		}
		order = append(order, file)
	}
	for _, path := range paths {
		visit(path)
	}
	return order
}

// Without options (but packed and JSON names), services and imports of files that are left out.
func pruned(file protoreflect.FileDescriptor) *descriptorpb.FileDescriptorProto {
	from := protodesc.ToFileDescriptorProto(file)
	from.Options = nil
	from.Service = nil
	from.SourceCodeInfo = nil
	from.PublicDependency = nil
	from.WeakDependency = nil
	from.Extension = nil
	var kept []string
	for _, path := range from.Dependency {
		if !isAnnotation(path) {
			kept = append(kept, path)
		}
	}
	from.Dependency = kept
	for _, message := range from.MessageType {
		pruneMessage(message)
	}
	for _, enum := range from.EnumType {
		pruneEnum(enum)
	}
	return from
}

func pruneMessage(message *descriptorpb.DescriptorProto) {
	if message.GetOptions().GetMapEntry() {
		message.Options = &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)}
	} else {
		message.Options = nil
	}
	message.Extension = nil
	for _, field := range message.Field {
		if field.Options != nil && field.Options.Packed != nil {
			field.Options = &descriptorpb.FieldOptions{Packed: field.Options.Packed}
		} else {
			field.Options = nil
		}
	}
	for _, oneof := range message.OneofDecl {
		oneof.Options = nil
	}
	for _, inner := range message.NestedType {
		pruneMessage(inner)
	}
	for _, enum := range message.EnumType {
		pruneEnum(enum)
	}
}

func pruneEnum(enum *descriptorpb.EnumDescriptorProto) {
	enum.Options = nil
	for _, value := range enum.Value {
		value.Options = nil
	}
}
