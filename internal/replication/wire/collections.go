package wire

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// CollectionsRequest is the body of getCollections. The lists run parallel.
type CollectionsRequest struct {
	CheckpointIDs []string `json:"checkpoint_ids"`
	Collections   []string `json:"collections"` // of the default scope without it
}

// Add adds a collection by its full name.
func (r *CollectionsRequest) Add(fullName, checkpointID string) {
	r.Collections = append(r.Collections, strings.TrimPrefix(fullName, "_default."))
	r.CheckpointIDs = append(r.CheckpointIDs, checkpointID)
}

// Encode writes the body.
func (r *CollectionsRequest) Encode() ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fault.Unexpected.Because(err)
	}
	return text, nil
}

// ParseCollectionsRequest reads the body and completes the collections' names.
func ParseCollectionsRequest(body []byte) (r CollectionsRequest, err error) {
	if err := json.Unmarshal(body, &r); err != nil {
		return r, NotJSON(err)
	}
	seen := make(map[string]bool, len(r.Collections))
	for i, name := range r.Collections {
		if !strings.Contains(name, ".") {
			name = "_default." + name
		}
		if seen[name] {
			return r, Malformed("collection %q is named twice", name)
		}
		seen[name] = true
		r.Collections[i] = name
	}
	switch {
	case len(r.Collections) == 0:
		return r, Malformed("getCollections names no collection")
	case len(r.Collections) != len(r.CheckpointIDs):
		return r, Malformed("getCollections has %d collections and %d checkpoint IDs",
			len(r.Collections), len(r.CheckpointIDs))
	}
	return r, nil
}

// SharedCheckpoint returns the reply's entry for a shared collection. A nil body means no
// checkpoint. The entry contains the revision under both names in use.
func SharedCheckpoint(body []byte, rev string) (json.RawMessage, error) {
	if body == nil {
		return json.RawMessage("{}"), nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		members = make(map[string]json.RawMessage) // the body is opaque to us; only the revision is ours
	}
	quoted, err := json.Marshal(rev)
	if err != nil {
		return nil, fault.Unexpected.Because(err)
	}
	members["rev"], members["_rev"] = quoted, quoted
	return json.Marshal(members)
}

// NoCollections returns the reply to getCollections when none of n collections is shared.
func NoCollections(n int) []byte {
	return []byte("[" + strings.TrimSuffix(strings.Repeat("null,", n), ",") + "]")
}

// NotShared returns the entry for a collection that is not shared.
func NotShared() json.RawMessage { return json.RawMessage("null") }

// EncodeCollections writes the reply to getCollections.
func EncodeCollections(entries []json.RawMessage) ([]byte, error) {
	text, err := json.Marshal(entries)
	if err != nil {
		return nil, fault.Unexpected.Because(err)
	}
	return text, nil
}

// ParseCollections reads the reply to getCollections for n collections. An entry is nil if the
// collection is not shared.
func ParseCollections(body []byte, n int) ([]json.RawMessage, error) {
	var entries []json.RawMessage
	err := json.Unmarshal(body, &entries)
	if err == nil && len(entries) != n {
		err = errors.New("as many entries are missing or too many")
	}
	if err != nil {
		return nil, fault.Remote.Says("the peer's answer to getCollections does not fit the question").Because(err)
	}
	for i, entry := range entries {
		if len(entry) == 0 || entry[0] != '{' {
			entries[i] = nil
		}
	}
	return entries, nil
}
