package replication

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/store"
)

// checkpoint is how far a replication has come (spec/replication.md §4): the body that both
// peers keep. Its zero value is the beginning.
type checkpoint struct {
	done   []span // local sequences that the peer has; the first run begins at 0
	remote string // JSON text of the peer's last sequence that we have; "" for none
}

// checkpointJSON is the body as it is written. Every key is optional.
type checkpointJSON struct {
	Time           int64           `json:"time,omitempty"` // seconds, informational
	Local          uint64          `json:"local,omitempty"`
	LocalCompleted []uint64        `json:"localCompleted,omitempty"` // start, length, start, length …
	Remote         json.RawMessage `json:"remote,omitempty"`
	Rev            string          `json:"rev,omitempty"`  // LiteCore, in getCollections only
	GatewayRev     string          `json:"_rev,omitempty"` // Sync Gateway, the same
}

func (c checkpoint) encode(now time.Time) []byte {
	body := checkpointJSON{Time: now.Unix()}
	switch {
	case len(c.done) == 1 && c.done[0].first == 0:
		body.Local = c.done[0].end - 1
	default:
		for _, s := range c.done {
			body.LocalCompleted = append(body.LocalCompleted, s.first, s.end-s.first)
		}
	}
	if c.remote != "" {
		body.Remote = json.RawMessage(c.remote)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)                 // the remote sequence stays as the peer wrote it
	if err := encoder.Encode(body); err != nil { // only a malformed remote sequence can do that, and it came from JSON
		return []byte("{}")
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

// parseCheckpoint reads a body and the revision that getCollections puts beside it.
func parseCheckpoint(text []byte) (c checkpoint, rev string, err error) {
	var body checkpointJSON
	if err := json.Unmarshal(text, &body); err != nil {
		return c, "", fmt.Errorf("checkpoint: %w", err)
	}
	if body.Local > 0 || len(body.LocalCompleted) == 0 {
		c.done = []span{{0, body.Local + 1}}
	}
	for pair := range slices.Chunk(body.LocalCompleted, 2) {
		if len(pair) == 2 && pair[0]+pair[1] > pair[0] {
			c.done = append(c.done, span{pair[0], pair[0] + pair[1]})
		}
	}
	slices.SortFunc(c.done, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	c.done = merge(c.done)
	if isSequence(body.Remote) { // else the pull begins anew
		c.remote = string(body.Remote)
	}
	if rev = body.Rev; rev == "" {
		rev = body.GatewayRev
	}
	return c, rev, nil
}

func (c checkpoint) equal(o checkpoint) bool {
	if c.remote != o.remote {
		return false
	}
	now := time.Time{}
	return bytes.Equal(c.encode(now), o.encode(now))
}

// isSequence reports whether JSON text is a number or a string, as every peer's sequences are.
func isSequence(text []byte) bool {
	return len(text) > 0 && (text[0] == '"' || text[0] == '-' || '0' <= text[0] && text[0] <= '9')
}

// agree returns where a replication starts, given both copies of its checkpoint.
func agree(local, remote checkpoint) checkpoint {
	agreed := checkpoint{done: intersect(local.done, remote.done), remote: local.remote}
	if local.remote != remote.remote {
		switch earlier, ok := earlierGatewaySequence(remote.remote, local.remote); {
		case local.remote == "" || remote.remote == "" || !ok:
			agreed.remote = ""
		case earlier:
			agreed.remote = remote.remote
		}
	}
	return agreed
}

// checkpointID names the checkpoint of one collection of one replication: the same for the
// same work, another for any other.
func checkpointID(db *store.DB, remote string, c *CollectionOptions) string {
	uuid := db.PrivateUUID()
	h := sha256.New()
	h.Write(uuid[:])
	fmt.Fprintf(h, "%q %q push=%t pull=%t", remote, c.Collection.FullName(), c.Push, c.Pull)
	if c.DocIDs != nil {
		fmt.Fprintf(h, " ids=%q", c.DocIDs)
	}
	if len(c.Channels) > 0 {
		fmt.Fprintf(h, " channels=%q", strings.Join(c.Channels, ","))
	}
	return "cp-" + base64.StdEncoding.EncodeToString(h.Sum(nil))
}
