package replication

import (
	"context"
	"log/slog"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication/wire"
)

// send sends a message, and tells the log of it and of its reply.
func (s *Session) send(m *blip.Message, replied func(*blip.Reply, error)) error {
	if !s.traced {
		return s.conn.Send(m, replied)
	}
	s.trace("sent", m.Properties, m.Body)
	if m.NoReply {
		return s.conn.Send(m, replied)
	}
	about := m.Properties
	return s.conn.Send(m, func(reply *blip.Reply, err error) {
		s.traceReply(about, reply, err)
		if replied != nil {
			replied(reply, err)
		}
	})
}

// call is send, and waits for the reply.
func (s *Session) call(ctx context.Context, m *blip.Message) (*blip.Reply, error) {
	if !s.traced {
		return s.conn.Call(ctx, m)
	}
	s.trace("sent", m.Properties, m.Body)
	reply, err := s.conn.Call(ctx, m)
	s.traceReply(m.Properties, reply, err)
	return reply, err
}

// maxTraced is how many bytes of a body the log is told.
const maxTraced = 1000

// trace tells the log of a message: its properties, and its body unless that is a document's.
func (s *Session) trace(what string, properties blip.Properties, body []byte) {
	attributes := make([]slog.Attr, 0, len(properties)+2)
	for _, p := range properties {
		attributes = append(attributes, slog.String(p.Key, p.Value))
	}
	attributes = append(attributes, slog.Int("bytes", len(body)))
	if len(body) > 0 && properties.Value(wire.PropProfile) != wire.ProfileRev {
		attributes = append(attributes, slog.String("body", string(body[:min(len(body), maxTraced)])))
	}
	s.log.LogAttrs(s.work, slog.LevelDebug, what, attributes...)
}

// traceReply tells the log of the reply to a message with these properties.
func (s *Session) traceReply(about blip.Properties, reply *blip.Reply, err error) {
	attributes := []slog.Attr{slog.String(wire.PropProfile, about.Value(wire.PropProfile))}
	for _, name := range []string{wire.PropCollection, wire.PropID, wire.PropRev, wire.PropDigest} {
		if value, ok := about.Get(name); ok {
			attributes = append(attributes, slog.String(name, value))
		}
	}
	switch {
	case err != nil:
		attributes = append(attributes, slog.Any("error", err))
	default:
		attributes = append(attributes, slog.Int64("bytes", reply.Size))
		if len(reply.Body) > 0 {
			attributes = append(attributes, slog.String("body", string(reply.Body[:min(len(reply.Body), maxTraced)])))
		}
	}
	s.log.LogAttrs(s.work, slog.LevelDebug, "answered", attributes...)
}
