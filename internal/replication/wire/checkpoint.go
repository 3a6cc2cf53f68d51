package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/replication/checkpoint"
)

// checkpointBody is the wire form of a checkpoint. Every key is optional.
type checkpointBody struct {
	Time           int64           `json:"time,omitempty"` // seconds, informational
	Local          uint64          `json:"local,omitempty"`
	LocalCompleted []uint64        `json:"localCompleted,omitempty"` // start, length, start, length …
	Remote         json.RawMessage `json:"remote,omitempty"`
	Rev            string          `json:"rev,omitempty"`  // LiteCore, in getCollections only
	GatewayRev     string          `json:"_rev,omitempty"` // Sync Gateway, likewise
}

// EncodeCheckpoint writes the body that both peers store.
func EncodeCheckpoint(p checkpoint.Position, now time.Time) []byte {
	body := checkpointBody{Time: now.Unix()}
	switch {
	case len(p.Done) == 1 && p.Done[0].First == 0:
		body.Local = p.Done[0].End - 1
	default:
		for _, s := range p.Done {
			body.LocalCompleted = append(body.LocalCompleted, s.First, s.End-s.First)
		}
	}
	if p.Remote != "" {
		body.Remote = json.RawMessage(p.Remote)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)                 // keep the remote sequence as the peer wrote it
	if err := encoder.Encode(body); err != nil { // only a malformed remote sequence can fail, and it was parsed from JSON
		return []byte("{}")
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

// ParseCheckpoint reads a body, and the revision that getCollections includes.
func ParseCheckpoint(text []byte) (p checkpoint.Position, rev string, err error) {
	var body checkpointBody
	if err := json.Unmarshal(text, &body); err != nil {
		return p, "", fmt.Errorf("checkpoint: %w", err)
	}
	var done []checkpoint.Span
	if body.Local > 0 || len(body.LocalCompleted) == 0 {
		done = append(done, checkpoint.Span{First: 0, End: body.Local + 1})
	}
	for pair := range slices.Chunk(body.LocalCompleted, 2) {
		if len(pair) == 2 {
			done = append(done, checkpoint.Span{First: pair[0], End: pair[0] + pair[1]})
		}
	}
	p.Done = checkpoint.Merge(done)
	if isSequence(string(body.Remote)) { // otherwise the pull starts from the beginning
		p.Remote = string(body.Remote)
	}
	if rev = body.Rev; rev == "" {
		rev = body.GatewayRev
	}
	return p, rev, nil
}

// isSequence reports whether JSON text is a number or a string, the forms that peers use for
// sequences.
func isSequence(text string) bool {
	return len(text) > 0 && (text[0] == '"' || text[0] == '-' || '0' <= text[0] && text[0] <= '9')
}
