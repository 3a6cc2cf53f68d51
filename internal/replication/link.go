package replication

import (
	"context"
	"log/slog"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
)

// link is the connection with a log of its messages.
type link struct {
	conn *blip.Conn
	log  *slog.Logger
	life context.Context //nolint:containedctx // spans Run: for the log
}

// traced reports whether the log takes messages now.
func (l *link) traced() bool { return l.log.Enabled(l.life, slog.LevelDebug) }

// send sends a message, and logs the message and its reply.
func (l *link) send(m *blip.Message, replied func(*blip.Reply, error)) error {
	if !l.traced() {
		return l.conn.Send(m, replied)
	}
	l.trace("sent", m.Properties, m.Body)
	if m.NoReply {
		return l.conn.Send(m, replied)
	}
	about := m.Properties
	return l.conn.Send(m, func(reply *blip.Reply, err error) {
		l.traceReply(about, reply, err)
		if replied != nil {
			replied(reply, err)
		}
	})
}

// call is send that waits for the reply.
func (l *link) call(ctx context.Context, m *blip.Message) (*blip.Reply, error) {
	if !l.traced() {
		return l.conn.Call(ctx, m)
	}
	l.trace("sent", m.Properties, m.Body)
	reply, err := l.conn.Call(ctx, m)
	l.traceReply(m.Properties, reply, err)
	return reply, err
}

// maxTraced bounds how many bytes of a body are logged.
const maxTraced = 1000

// trace logs the properties of a message, and its body unless the body is a document's.
func (l *link) trace(what string, properties blip.Properties, body []byte) {
	attributes := make([]slog.Attr, 0, len(properties)+2)
	for _, p := range properties {
		attributes = append(attributes, slog.String(p.Key, p.Value))
	}
	attributes = append(attributes, slog.Int("bytes", len(body)))
	if len(body) > 0 && properties.Value(wire.PropProfile) != wire.ProfileRev {
		attributes = append(attributes, slog.String("body", string(body[:min(len(body), maxTraced)])))
	}
	l.log.LogAttrs(l.life, slog.LevelDebug, what, attributes...)
}

// traceReply logs the reply to a message with these properties.
func (l *link) traceReply(about blip.Properties, reply *blip.Reply, err error) {
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
	l.log.LogAttrs(l.life, slog.LevelDebug, "answered", attributes...)
}

// refuse answers a request with an error. Failures on our side become 503, because a peer retries
// after 503 and treats other codes as final.
func (l *link) refuse(req *blip.Request, err error) {
	answer := err
	if isOurTrouble(err) {
		answer = fault.New(fault.WebSocket, 503, "the peer cannot do it now").Because(err)
	}
	domain, code, text := wire.ToPeer(answer)
	l.log.Debug("refused a request", "profile", req.Profile(), "error", err)
	req.ReplyError(domain, code, text)
}
