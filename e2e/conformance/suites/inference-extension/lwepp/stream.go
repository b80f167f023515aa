package main

import (
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
)

// Largest piece of a body in one reply: what Envoy takes.
const maxPiece = 60 << 10

// fixed is a picker whose replies to bodies are as FULL_DUPLEX_STREAMED wants them. Those of lwepp v1.6.0 are the plain
// ones of other modes, which Envoy refuses ("Spurious response message"), and come before the reply to the headers.
type fixed struct {
	extproc.ExternalProcessorServer
}

func (m fixed) Process(stream extproc.ExternalProcessor_ProcessServer) error {
	return m.ExternalProcessorServer.Process(&fixedStream{ExternalProcessor_ProcessServer: stream})
}

type fixedStream struct {
	extproc.ExternalProcessor_ProcessServer
	// What came last of either body, and all of the request's so far.
	last    *extproc.HttpBody
	request []byte
}

func (m *fixedStream) Recv() (*extproc.ProcessingRequest, error) {
	message, err := m.ExternalProcessor_ProcessServer.Recv()
	if err != nil {
		return nil, err
	}
	if body := message.GetRequestBody(); body != nil {
		m.last = body
		m.request = append(m.request, body.Body...)
	}
	if body := message.GetResponseBody(); body != nil {
		m.last = body
	}
	return message, nil
}

func (m *fixedStream) Send(reply *extproc.ProcessingResponse) error {
	switch reply.Response.(type) {
	case *extproc.ProcessingResponse_RequestBody:
		// The reply to the headers comes at the end of the body.
		if !m.last.EndOfStream {
			return nil
		}
		return m.sendPieces(m.request, true, func(body *extproc.BodyResponse) *extproc.ProcessingResponse {
			return &extproc.ProcessingResponse{Response: &extproc.ProcessingResponse_RequestBody{RequestBody: body}}
		})
	case *extproc.ProcessingResponse_ResponseBody:
		return m.sendPieces(m.last.Body, m.last.EndOfStream, func(body *extproc.BodyResponse) *extproc.ProcessingResponse {
			return &extproc.ProcessingResponse{Response: &extproc.ProcessingResponse_ResponseBody{ResponseBody: body}}
		})
	default:
		return m.ExternalProcessor_ProcessServer.Send(reply)
	}
}

func (m *fixedStream) sendPieces(
	body []byte,
	isEnd bool,
	reply func(*extproc.BodyResponse) *extproc.ProcessingResponse,
) error {
	for {
		piece := body[:min(len(body), maxPiece)]
		body = body[len(piece):]
		streamed := &extproc.StreamedBodyResponse{Body: piece, EndOfStream: isEnd && len(body) == 0}
		mutation := &extproc.BodyMutation{
			Mutation: &extproc.BodyMutation_StreamedResponse{StreamedResponse: streamed},
		}
		common := &extproc.CommonResponse{BodyMutation: mutation}
		if err := m.ExternalProcessor_ProcessServer.Send(reply(&extproc.BodyResponse{Response: common})); err != nil {
			return err
		}
		if len(body) == 0 {
			return nil
		}
	}
}
