package replication

import (
	"context"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// getCheckpoint replies with the peer's checkpoint.
func (c *collection) getCheckpoint(req *blip.Request) error {
	client := req.Properties.Value(wire.PropClient)
	if client == "" {
		return wire.Malformed("getCheckpoint names no client")
	}
	body, rev, err := readCheckpoint(c.s, client)
	if err != nil {
		return err
	}
	if body == nil {
		return fault.New(fault.HTTP, 404, "no checkpoint of that client")
	}
	reply := &blip.Message{Body: body}
	reply.Properties.Add(wire.PropRev, rev)
	req.Reply(reply)
	return nil
}

// setCheckpoint stores the peer's checkpoint. It replies once the checkpoint, and every revision
// that the checkpoint covers, is durable.
func (c *collection) setCheckpoint(req *blip.Request) error {
	client := req.Properties.Value(wire.PropClient)
	if client == "" {
		return wire.Malformed("setCheckpoint names no client")
	}
	c.s.tasks.later(c.s.work, func(ctx context.Context) {
		var rev string
		err := c.s.db.UpdateDurable(ctx, func(tx *store.Tx) (err error) {
			if rev, err = tx.SetPeerCheckpoint(client, req.Properties.Value(wire.PropRev), req.Body); err != nil {
				return err
			}
			return mirrorOurs(tx, c, client, req.Body)
		})
		switch {
		case isConflict(err):
			req.ReplyError(string(fault.HTTP), 409, "the checkpoint has another revision")
		case err != nil:
			c.s.log.Warn("storing a peer's checkpoint", "error", err)
			req.ReplyError(string(fault.HTTP), 502, "the checkpoint could not be stored")
		default:
			reply := &blip.Message{}
			reply.Properties.Add(wire.PropRev, rev)
			req.Reply(reply)
		}
	})
	return nil
}

// readCheckpoint reads the stored checkpoint of a peer. The body is nil if there is none.
func readCheckpoint(s *engine, client string) (body []byte, rev string, err error) {
	err = s.db.View(s.work, func(tx *store.Tx) error {
		var ok bool
		rev, body, ok, err = tx.PeerCheckpoint(client)
		if !ok {
			body = nil
		}
		return err
	})
	return body, rev, err
}
